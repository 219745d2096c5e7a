"""What the house itself says on the phone, outside any flow: while waiting, holding, and when something failed."""

from __future__ import annotations

PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "position": "You are number {position} in line.",
        "position_far": "There are more than five people in line before you.",
        "wait_short": "Your wait is less than {high} minutes.",
        "wait_range": "Your wait is between {low} and {high} minutes.",
        "callback": "To be called back without losing your place, press {key}.",
        "leave_message": "To leave a message instead, press star at any time.",
        "one_moment": "One moment, please. We are reconnecting you.",
        "still_here": "Sorry for the wait. You are next in line.",
        "taken": "This call has already been taken.",
        "caller_left": "The caller has hung up.",
        "no_answer": "Nobody answered.",
        "busy": "The line is busy.",
        "unreachable": "That number cannot be reached.",
        "apology": "We are sorry, something went wrong. Please leave a message after the tone, we will call back.",
        "thanks": "Thank you. We will call you back. Goodbye.",
        "not_in_use": "The number you have dialled is not in use. Please check the number and dial again.",
        "goodbye": "Goodbye.",
    },
    "es": {
        "position": "Usted es el número {position} en la fila.",
        "position_far": "Hay más de cinco personas antes que usted.",
        "wait_short": "Su espera es de menos de {high} minutos.",
        "wait_range": "Su espera es de entre {low} y {high} minutos.",
        "callback": "Para que le llamemos sin perder su lugar, pulse {key}.",
        "leave_message": "Si prefiere dejar un mensaje, pulse asterisco en cualquier momento.",
        "one_moment": "Un momento, por favor. Le estamos comunicando de nuevo.",
        "still_here": "Disculpe la espera. Usted es el siguiente.",
        "taken": "Esta llamada ya fue atendida.",
        "caller_left": "La persona que llamaba ha colgado.",
        "no_answer": "Nadie contestó.",
        "busy": "La línea está ocupada.",
        "unreachable": "No se puede comunicar con ese número.",
        "apology": "Lo sentimos, tuvimos un problema. Deje un mensaje después del tono y le devolveremos la llamada.",
        "thanks": "Gracias. Le devolveremos la llamada. Hasta luego.",
        "not_in_use": "El número que marcó no está en servicio. Compruebe el número y marque de nuevo.",
        "goodbye": "Hasta luego.",
    },
    "zh": {
        "position": "您目前排在第{position}位。",
        "position_far": "您前面还有五位以上的客户在等候。",
        "wait_short": "预计等候时间不到{high}分钟。",
        "wait_range": "预计等候时间为{low}到{high}分钟。",
        "callback": "保留您的排队位置并由我们回电，请按{key}。",
        "leave_message": "如需留言，请随时按星号键。",
        "one_moment": "请稍等，我们正在重新为您接通。",
        "still_here": "抱歉让您久等了，下一位就是您。",
        "taken": "此来电已由他人接听。",
        "caller_left": "来电者已挂断。",
        "no_answer": "无人接听。",
        "busy": "对方正忙。",
        "unreachable": "无法接通该号码。",
        "apology": "很抱歉，我们的系统出现了问题。请在提示音后留言，我们会给您回电。",
        "thanks": "谢谢。我们会给您回电。再见。",
        "not_in_use": "您拨打的号码是空号，请核对后再拨。",
        "goodbye": "再见。",
    },
}


def phrase(name: str, language: str | None, **values: object) -> tuple[str, str]:
    """The phrase in the call's language, or in English when we have none in it: (text, language of the text)."""
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    if primary in PHRASES:
        return PHRASES[primary][name].format(**values), language or "en"
    return PHRASES["en"][name].format(**values), "en"
