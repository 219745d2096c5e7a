"""The contact centre: records and decisions. Features know no carrier and no channel; this factory wires them."""

from __future__ import annotations

from flask import Flask

from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Wire settings, extensions, rooms and adapters. Raises SettingsError when a setting cannot be used."""
    import digital_channels
    import recordings
    import telephony
    from app import accounts, admin, cli, db, desktop, flows, health, logs, pages, postgres, routing
    from app.accounts.entry import PUBLIC, enter
    from app.flows import cli as flows_cli
    from app.pages import House
    from telephony.speech_report import speech_report

    settings = settings or Settings.from_env()
    logs.configure(settings.log_level)
    url = settings.database_url or postgres.start(settings.var_dir)
    engine = db.connect(url)

    app = House("app", title="Throughline", docs_path=None, spec_path=None, json_errors=False)
    app.config.update(pages.flask_config(settings), SETTINGS=settings, DATABASE_URL=url, ENGINE=engine)
    pages.init(app, settings)
    accounts.init(app, settings)

    routing.init()
    enter(app, health.bp, PUBLIC)
    desktop.init(app, settings)
    admin.init(app, settings)
    flows.init(app, settings)
    cli.init(app)
    flows_cli.init(app)
    recordings.init(app, settings)
    digital_channels.init(app, settings)
    telephony.register(app, settings)
    app.extensions["speech_report"] = speech_report
    return app
