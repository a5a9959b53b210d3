"""What customers of the demo mall complain about, and what was done."""

from typing import NamedTuple


class Script(NamedTuple):
    says: str
    wants: str
    cause: str
    solution: str


# By the code of the category.
SCRIPTS = {
    "delivery-late": Script(
        "下单五天了物流一直没更新，到底什么时候能到？", "尽快送到", "carrier-late", "联系承运商加急，次日送达"
    ),
    "delivery-damaged": Script(
        "箱子被压扁了，里面的瓶子碎了一瓶，打开全是玻璃渣。", "补发一瓶", "packing", "免费补发，改用加厚包装"
    ),
    "delivery-wrong": Script(
        "我买的是大号，收到的是中号，还少了一件赠品。", "换货并补赠品", "picking", "上门取件换货，补发赠品"
    ),
    "delivery-lost": Script(
        "物流显示已签收，可我根本没收到，驿站也说没有。", "重发或退款", "carrier-rough", "确认丢件，当天重发"
    ),
    "description-differs": Script(
        "页面写的是纯棉，收到一看成分表是混纺。", "退货退款", "page-wrong", "退货退款，页面已更正"
    ),
    "quality-broken": Script(
        "才用了三次就不加热了，指示灯一直闪。", "换新", "supplier-quality", "换新机，旧机寄回检测"
    ),
    "quality-defect": Script("锅底有一道很深的划痕，不像新的。", "换一口", "inspection", "换新并致歉"),
    "quality-expired": Script("收到的时候离到期只剩十天了，这怎么吃？", "退款", "stock", "全额退款，整批下架复查"),
    "refund-slow": Script("退货一周了，钱还没退到账。", "马上退款", "refund-process", "财务当天打款"),
    "refund-amount": Script("退款少了八块运费，页面说包邮的。", "补退运费", "refund-process", "补退差额"),
    "price-drop": Script("昨天刚买今天就降了六十，能不能退差价？", "退差价", "price-setup", "按价保补差额"),
    "price-coupon": Script("满减券下单时没有抵扣，客服说过了就不管。", "补上优惠", "price-setup", "补发同额优惠券"),
    "attitude-rude": Script(
        "上次打电话的客服很不耐烦，话没说完就挂了。", "道歉", "agent-attitude", "主管致电道歉，当事人再培训"
    ),
    "attitude-promise": Script(
        "说好周三给我回电话，等到周五也没人打来。", "给个说法", "promise-forgotten", "当面致歉，专人跟进"
    ),
    "payment-double": Script("同一个订单扣了两次款。", "退回多扣的", "system", "多扣款项原路退回"),
    "points-missing": Script("买了三百多，积分一分没加。", "补积分", "system", "积分已补"),
}
WORDS = ("等了好几天了", "家里老人着急用", "已经是第二次了", "我是老客户了", "再不处理我就打12315")
