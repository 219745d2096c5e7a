"""What the house itself says on the phone, outside any flow: while waiting, holding, and when something failed."""

from __future__ import annotations

PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "position": "You are number {position} in line.",
        "position_far": "There are {limit} or more people in line before you.",
        "wait_short": "Your wait is less than {high} minutes.",
        "wait_range": "Your wait is between {low} and {high} minutes.",
        "callback": "To be called back without losing your place, press {key}.",
        "leave_message": "To leave a message instead, press star at any time.",
        "one_moment": "One moment, please. We are reconnecting you.",
        "still_here": "Sorry for the wait. You are next in line.",
        "putting_through": "One moment, please. I am putting you through.",
        "taken": "This call has already been taken.",
        "caller_left": "The caller has hung up.",
        "no_answer": "Nobody answered.",
        "busy": "The line is busy.",
        "unreachable": "That number cannot be reached.",
        "apology": "We are sorry, something went wrong. Please leave a message after the tone, we will call back.",
        "thanks": "Thank you. We will call you back. Goodbye.",
        "not_in_use": "The number you have dialled is not in use. Please check the number and dial again.",
        "goodbye": "Goodbye.",
        "callback_here": "Hello, this is the call back from {queue} that you asked for. This call may be recorded. "
        "To be connected, press 1. To be called later, press 2. If you do not need us any more, press 3.",
        "callback_later": "All right, we will call you again later. Goodbye.",
        "callback_canceled": "All right, we will not call you back. Goodbye.",
        "callback_missed": "We tried to call you back and will try again. You can also call us at any time. Goodbye.",
        "callback_tried": "Hello, this is {queue}. We tried to call you back. You can call us at any time. Goodbye.",
        "callback_no_machine": "If you hear this yourself, press 1 now to be connected.",
        "returning": "You are waiting for our call back {time}. To keep it, press 1. To wait on the line now, in your "
        "place, press 2. To cancel it, press 3. For anything else, stay on the line.",
        "returning_soon": "as soon as somebody is free",
        "returning_kept": "All right, we will call you back. Goodbye.",
        "returning_canceled": "Your call back is canceled.",
    },
    "es": {
        "position": "Usted es el número {position} en la fila.",
        "position_far": "Hay {limit} o más personas antes que usted.",
        "wait_short": "Su espera es de menos de {high} minutos.",
        "wait_range": "Su espera es de entre {low} y {high} minutos.",
        "callback": "Para que le llamemos sin perder su lugar, pulse {key}.",
        "leave_message": "Si prefiere dejar un mensaje, pulse asterisco en cualquier momento.",
        "one_moment": "Un momento, por favor. Le estamos comunicando de nuevo.",
        "still_here": "Disculpe la espera. Usted es el siguiente.",
        "putting_through": "Un momento, por favor. Le estoy comunicando.",
        "taken": "Esta llamada ya fue atendida.",
        "caller_left": "La persona que llamaba ha colgado.",
        "no_answer": "Nadie contestó.",
        "busy": "La línea está ocupada.",
        "unreachable": "No se puede comunicar con ese número.",
        "apology": "Lo sentimos, tuvimos un problema. Deje un mensaje después del tono y le devolveremos la llamada.",
        "thanks": "Gracias. Le devolveremos la llamada. Hasta luego.",
        "not_in_use": "El número que marcó no está en servicio. Compruebe el número y marque de nuevo.",
        "goodbye": "Hasta luego.",
        "callback_here": "Hola, le devolvemos la llamada de {queue} que usted pidió. Esta llamada puede ser grabada. "
        "Para hablar ahora, pulse 1. Para que llamemos más tarde, pulse 2. Si ya no nos necesita, pulse 3.",
        "callback_later": "De acuerdo, le llamaremos más tarde. Hasta luego.",
        "callback_canceled": "De acuerdo, no le devolveremos la llamada. Hasta luego.",
        "callback_missed": "Intentamos devolverle la llamada y lo intentaremos de nuevo. También puede llamarnos. "
        "Hasta luego.",
        "callback_tried": "Hola, le llamamos de {queue}. Intentamos devolverle la llamada. Puede llamarnos cuando "
        "guste. Hasta luego.",
        "callback_no_machine": "Si usted nos oye, pulse 1 ahora para hablar con nosotros.",
        "returning": "Usted espera nuestra llamada {time}. Para mantenerla, pulse 1. Para esperar ahora en la línea, "
        "en su lugar, pulse 2. Para cancelarla, pulse 3. Para otra cosa, siga en la línea.",
        "returning_soon": "en cuanto haya alguien libre",
        "returning_kept": "De acuerdo, le llamaremos. Hasta luego.",
        "returning_canceled": "Su llamada queda cancelada.",
    },
    "zh": {
        "position": "您目前排在第{position}位。",
        "position_far": "您前面还有{limit}位或更多客户在等候。",
        "wait_short": "预计等候时间不到{high}分钟。",
        "wait_range": "预计等候时间为{low}到{high}分钟。",
        "callback": "保留您的排队位置并由我们回电，请按{key}。",
        "leave_message": "如需留言，请随时按星号键。",
        "one_moment": "请稍等，我们正在重新为您接通。",
        "still_here": "抱歉让您久等了，下一位就是您。",
        "putting_through": "请稍等，正在为您转接。",
        "taken": "此来电已由他人接听。",
        "caller_left": "来电者已挂断。",
        "no_answer": "无人接听。",
        "busy": "对方正忙。",
        "unreachable": "无法接通该号码。",
        "apology": "很抱歉，我们的系统出现了问题。请在提示音后留言，我们会给您回电。",
        "thanks": "谢谢。我们会给您回电。再见。",
        "not_in_use": "您拨打的号码是空号，请核对后再拨。",
        "goodbye": "再见。",
        "callback_here": "您好，这是您要求的来自{queue}的回电。本次通话可能会被录音。"
        "接通请按1，稍后再打请按2，不再需要请按3。",
        "callback_later": "好的，我们稍后再给您回电。再见。",
        "callback_canceled": "好的，我们不再给您回电。再见。",
        "callback_missed": "我们刚才给您回电，稍后会再次尝试。您也可以随时致电我们。再见。",
        "callback_tried": "您好，这里是{queue}。我们刚才给您回电。您可以随时致电我们。再见。",
        "callback_no_machine": "如果您正在接听，请现在按1接通。",
        "returning": "我们将{time}给您回电。保留回电请按1，现在按原有位置排队请按2，取消回电请按3。"
        "其他事宜请不要挂机。",
        "returning_soon": "在有客服人员空闲时",
        "returning_kept": "好的，我们会给您回电。再见。",
        "returning_canceled": "您的回电已取消。",
    },
}


def phrase(name: str, language: str | None, **values: object) -> tuple[str, str]:
    """The phrase in the call's language, or in English when we have none in it: (text, language of the text)."""
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    if primary in PHRASES:
        return PHRASES[primary][name].format(**values), language or "en"
    return PHRASES["en"][name].format(**values), "en"
