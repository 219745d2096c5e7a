"""What is texted about a callback: confirmation, reminder, changes, an end without a talk. Each once, by the outbox.

A number that cannot be texted, or opted out, gets none: the callback itself goes on. Nor does one whose owner has
forbidden calls since they asked.
"""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from app.callbacks.links import link_to
from app.callbacks.models import Callback
from app.callbacks.policy import policy_of
from app.callbacks.request import still_wanted
from app.db import database_now
from app.interactions.messages import MessageRefused, send_message
from ivr_flows.callback_times import spoken

log = structlog.get_logger()

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "soon": "We will call you back as soon as somebody is free. Your place, another time, or cancel: {link} "
        "Or text PLACE, LATER or NOCALL.",
        "at": "We will call you back {time}. Change or cancel: {link} Or text LATER or NOCALL.",
        "confirm": "Somebody asked us to call this number back. If it was you, confirm here: {link} If not, ignore it.",
        "reminder": "Reminder: we will call you {time}. Change or cancel: {link} Or text LATER or NOCALL.",
        "canceled": "Your callback is canceled. Text CALLBACK if you want one again.",
        "place": "You are number {position} in line. {link}",
        "place_soon": "It is nearly your turn: we are about to call you.",
        "expired": "We could not call you in the time we agreed. We are sorry. Text CALLBACK for another one.",
        "exhausted": "We tried to call you back and could not reach you. Text CALLBACK for another try.",
        "no_time": "There is no other time free just now. Choose one here: {link}",
        "nothing": "You are waiting for no callback. Text CALLBACK if you want one.",
        "missed": "Sorry that nobody could take your call. To be called back, choose a time here: {link}",
    },
    "es": {
        "soon": "Le llamaremos en cuanto haya alguien libre. Su lugar, otra hora o cancelar: {link} "
        "O escriba LUGAR, LUEGO o NOLLAMAR.",
        "at": "Le llamaremos {time}. Cambiar o cancelar: {link} O escriba LUEGO o NOLLAMAR.",
        "confirm": "Alguien pidió que llamemos a este número. Si fue usted, confirme aquí: {link} Si no, no haga nada.",
        "reminder": "Recordatorio: le llamaremos {time}. Cambiar o cancelar: {link} O escriba LUEGO o NOLLAMAR.",
        "canceled": "Su llamada queda cancelada. Escriba LLAMAME si la quiere de nuevo.",
        "place": "Usted es el número {position} en la fila. {link}",
        "place_soon": "Ya casi es su turno: estamos por llamarle.",
        "expired": "No pudimos llamarle a la hora acordada. Lo sentimos. Escriba LLAMAME para otra llamada.",
        "exhausted": "Intentamos llamarle y no lo logramos. Escriba LLAMAME para otro intento.",
        "no_time": "Ahora no hay otra hora libre. Elija una aquí: {link}",
        "nothing": "No espera ninguna llamada. Escriba LLAMAME si quiere una.",
        "missed": "Lamentamos no haber atendido su llamada. Para que le llamemos, elija una hora: {link}",
    },
    "zh": {
        "soon": "一有客服人员空闲我们就给您回电。查看位置、改时间或取消：{link} 也可回复 位置、稍后 或 不用回电。",
        "at": "我们将{time}给您回电。更改或取消：{link} 也可回复 稍后 或 不用回电。",
        "confirm": "有人请我们拨打此号码。如果是您，请在此确认：{link} 如果不是，请忽略。",
        "reminder": "提醒：我们将{time}给您打电话。更改或取消：{link} 也可回复 稍后 或 不用回电。",
        "canceled": "您的回电已取消。如需再次回电，请回复 回电。",
        "place": "您目前排在第{position}位。{link}",
        "place_soon": "马上轮到您，我们即将给您打电话。",
        "expired": "很抱歉，我们未能在约定时间给您回电。如需再次回电，请回复 回电。",
        "exhausted": "我们多次给您回电未能接通。如需再次回电，请回复 回电。",
        "no_time": "目前没有其他可选时间。请在此选择：{link}",
        "nothing": "您目前没有预约回电。如需回电，请回复 回电。",
        "missed": "很抱歉未能接听您的来电。如需回电，请在此选择时间：{link}",
    },
}


def write(session: Session, callback: Callback, name: str, once: str, **values: object) -> bool:
    """Text the person; the same `once` again is the same text. False when they cannot be texted, or forbade calls."""
    if not policy_of(session, callback.queue_id).texts or not still_wanted(session, callback):
        return False
    body = text_of(name, callback.language, link=link_to(callback), time=when(session, callback), **values)
    try:
        with session.begin_nested():
            send_message(
                session,
                None,
                callback.customer_id,
                body,
                f"callback:{callback.id}:{once}",
                to=callback.number,
                our_address=callback.our_address,
            )
    except MessageRefused as refused:
        log.info("callback.not_texted", callback_id=str(callback.id), code=refused.code)
        return False
    return True


def confirm(session: Session, callback: Callback) -> None:
    """The promise in writing, with its link; after every change anew."""
    if callback.state == "requested":
        write(session, callback, "confirm", "confirm")
    else:
        write(session, callback, "at" if callback.local_start else "soon", f"agreed:{callback.link_version}")


def text_of(name: str, language: str | None, **values: object) -> str:
    """A text in the person's language, else in English."""
    return TEXTS[spoken_in(language)][name].format(**values)


def spoken_in(language: str | None) -> str:
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    return primary if primary in TEXTS else "en"


def when(session: Session, callback: Callback) -> str:
    """The window's begin as one says it, on the clock it was agreed on."""
    if callback.local_zone is None:
        return ""
    return spoken(callback.window_start, database_now(session), callback.local_zone, spoken_in(callback.language))
