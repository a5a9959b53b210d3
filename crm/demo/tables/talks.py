"""What account managers and customers of the demo mall said to each other."""

from customers.models import Contact

NOTES: dict[str, tuple[str, ...]] = {
    Contact.Outcome.REACHED: (
        "聊了最近一次购买，满意，说会再来。",
        "介绍了新到的茶叶，客户想先看图片。",
        "问了送货时间，客户希望周末送。",
        "客户说最近在外地，下个月再买。",
        "回访使用情况，炒锅很好用。",
        "确认了收件地址没有变。",
        "客户觉得包装比以前好。",
        "Talked about the last order; happy with it.",
    ),
    Contact.Outcome.NO_ANSWER: ("没有人接，晚上再试。", "电话占线。", "留言后没有回复。"),
    Contact.Outcome.CALL_BACK: ("正在开会，请明天下午再打。", "客户请周五以后再联系。"),
    Contact.Outcome.PROMISED: ("答应查清发票后回电。", "答应预留两盒明前茶。", "答应发新品价目表。"),
}
BAD_NOTES = ("抱怨上次送货晚了三天。", "觉得价格比别家高。", "说收到的杯子有划痕，已安排换货。")
PROMISES = (
    "查清发票后回电",
    "预留两盒明前龙井",
    "发新品价目表",
    "确认补发的餐具已寄出",
    "把积分规则用邮件发给客户",
    "约好时间上门看样品",
)
