"""What a row of each kind of file can hold, and how shops call its columns."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers.imports.spellings import amounts
from customers.imports.spellings.texts import without_brackets
from customers.record import fields as custom_fields


def key(name: str) -> str:
    """A header as it is compared: lower case, without blanks, punctuation and what stands in brackets."""
    folded = unicodedata.normalize("NFKC", name).lower()
    return _letters(without_brackets(folded)) or _letters(folded)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


# Field -> how its column may be called, what is meant more exactly before what is meant less: net before gross.
_ORDERS = {
    "order_no": (
        "order no|order number|order id|order|order #|主單編號|主单编号|线上订单号|平台单号|原始单号|外部订单号"
        "|receipt no|receipt number|订单号|订单编号|訂單號|訂單號碼|訂單編號|訂單序號|订单ID"
        "|主订单编号|主订单号"
        "|子订单编号|order sn|订单流水号|交易编号|交易单号|销售单号|单号|平台订单号|invoice|invoice no|invoice number"
        "|amazon-order-id|sales record number|order reference|reference|transaction id|Bestellnummer|Auftragsnummer"
        "|numéro de commande|número de pedido|注文番号|주문번호"
    ),
    "customer": (
        "customer|customer id|customer no|customer number|client id|member id|user id|buyer id|buyer username"
        "|buyer user id|username|客户编号|客户号|客戶編號|会员号|会员编号|會員編號|客户id|买家id|会员ID"
        "|会员卡号|会员账号|用户id|用户编号|用户账号|买家会员名|会员名|买家账号|下单账号|下单帐号|买家旺旺|旺旺"
        "|旺旺id|Kundennummer|numéro client|会員番号|고객번호|買家帳號|會員帳號|用户openid|openid|买家openid"
        "|buyer id number"
        "|客户账号|会员帐号|会员代码|客户代码|用户帐号|顧客編號|顧客 ID|구매자ID|주문자ID|buyer|client|买家|客户"
        "|客戶|顧客"
    ),
    "phone": (
        "phone|mobile|mobile phone|tel|telephone|买家手机号|买家手机|买家手机号码|买家电话|客户手机号|客户手机号码"
        "|客户电话|会员手机号|会员电话"
        "|用户手机号|用户手机|下单人手机|下单人手机号|下单人电话|购买人手机|购买人手机号|购买人电话|注册手机"
        "|注册手机号|購買人手機|購買人電話|顧客電話|顧客手機|買家電話|구매자연락처"
        "|구매자전화번호|주문자휴대전화|주문자휴대폰|주문자전화번호|주문자연락처|注文者電話番号|手机|手机号"
        "|手机号码|手機|手機號碼"
        "|联系手机|移动电话|客户手机|会员手机|收货人手机|收货人手机号|收件人手机|收件人手机号|收货手机"
        "|手机/电话|电话/手机|联系方式|联系电话|电话|電話|聯絡電話|收货人电话|收件人电话|收货电话"
        "|收货人联系方式|customer phone|buyer phone|buyer phone number|billing phone|shipping phone"
        "|ship phone number|phone number|contact phone|recipient phone|receiver phone|电话号码"
        "|電話號碼|收件者電話|Telefon|téléphone|teléfono|電話番号|전화번호|휴대폰"
    ),
    "email": (
        "email|e-mail|mail|email address|邮箱|电子邮箱|邮件|电子邮件|電子郵件|買家郵箱|买家邮箱|buyer email"
        "|customer email|customer email address|contact email|billing email|客户邮箱|客户邮件|会员邮箱|用户邮箱"
        "|顾客邮箱|電郵|電子信箱|顧客電子信箱|購買人電子郵件|from email address|顧客電郵"
        "|顧客信箱|メールアドレス|注文者メールアドレス|이메일|주문자이메일|구매자이메일"
    ),
    "name": (
        "name|customer name|full name|姓名|客户姓名|客户名称|客戶名稱|会员姓名|真实姓名|买家姓名|收货人姓名"
        "|收货人|收件人|收件人姓名|收貨人|收件人姓名|收货人/提货人|buyer name|buyer full name|billing name"
        "|shipping name|recipient name|recipient|receiver name|收件者姓名"
        "|ship to name|post to name|billing first name|first name|氏名"
        "|お名前|注文者名|注文者氏名|이름|주문자명|구매자명|购买人|购买人姓名|購買人|購買人姓名|会员名称|下单人"
        "|下单人姓名|顧客姓名|顧客名稱"
        "|bill to name|ship to name"
    ),
    "last_name": "last name|billing last name|surname|family name",
    "region": (
        "region|province|state|省|省份|地区|地區|收货人省份|收货省份|收件人省|省/自治区|billing state"
        "|shipping province|shipping state|ship state|ship to state|都道府県"
    ),
    "city": "city|城市|市|收货人城市|收货城市|收件人市|billing city|shipping city|ship city|ship to city|市区町村|Stadt|ville",
    "date": (
        "ordered at|order date|order time|purchase date|purchased on|ordered on|下单时间|下单日期|订单日期|订单时间"
        "|訂單日期"
        "|订单创建时间|创建时间|拍下时间|订单提交时间|订单生成时间|订单下单时间|訂單成立日期|訂單成立時間|訂單時間"
        "|下單時間|下單日期|訂購時間|訂購日期|轉單日期時間|轉單日期|拍单时间|消费时间|消费日期|交易时间|交易日期"
        "|销售时间|销售日期|date added|created date|created|transaction date|买家下单时间"
        "|order creation date|order creation time|order created time|create time|created time|created at|date created"
        "|created on|creation date|invoice date|sale date|date|日期|订单成交时间|成交时间|付款时间|订单付款时间"
        "|买家付款时间|支付时间|支付完成时间|paid at|paid on date|payment date|Bestelldatum|date de commande"
        "|fecha de pedido|注文日時|注文日|주문일시|주문일자|주문일|결제일|결제일시"
    ),
    "date_else": (
        "付款时间|订单付款时间|买家付款时间|支付时间|支付完成时间|paid at|paid date|paid on date|payment date"
        "|订单创建时间|创建时间|下单时间|created at|date created"
    ),
    "paid": (
        "paid|amount paid|paid amount|paid price|total paid|买家实付款|买家实付款金额|实付|实付款|实付金额|實付金額"
        "|实际支付金额|买家实际支付金额"
        "|买家实付金额|买家实付|订单实付金额|订单实际支付金额|實際支付金額|買家總支付金額|用户实付金额|用户实付"
        "|客户实付|实收金额|实收款|实收|订单实际收款金额|已付金额"
        "|支付金额|订单支付金额|付款金额|成交金额|商家实收金额|net amount|net total|net sales|amount|revenue"
        "|total|order total|order total amount|total amount"
        "|total price|grand total|order amount|sales|order value|金额|金額|订单金额|订单总额"
        "|订单总价|订单总金额|总金额|总价|合计|应付金额|用户应付金额|订单应付金额|应付款|Gesamtbetrag|Betrag"
        "|montant|importe|total ttc|合計|合計金額|請求金額|お支払い金額|お支払金額|訂單合計|訂單總額|訂單總金額"
        "|訂單金額|結帳金額|實收金額|總計|總金額"
        "|付款總金額|销售金额|銷售金額|消费金额|total collected|Gesamtsumme|Gesamtsumme der Bestellung|Bestellsumme"
        "|Bestellwert|총결제금액|최종결제금액"
        "|실결제금액|결제금액|주문금액|총주문금액"
        "|g.t.|g.t. purchased"
    ),
    # What was paid with money that lay with the platform; only where an amount is known to be without it.
    "balance": "",
    "line_paid": (
        "line paid|line amount|line total|line price|line subtotal|item total|item subtotal|item-price"
        "|商品实付金额|商品实付|商品金额|商品小计|商品总额|小计|小計|行金额|明细金额|商品应付|商品實付金額|商品小計"
        "|최종상품별총주문금액|상품별총주문금액"
    ),
    "refunded": (
        "refund amount|refunded amount|amount refunded|refunded total|refunded|refund|total refunded|退款金额"
        "|已退款金额|退款总额|订单已退款金额|已退金额|实退金额|成功退款金额|退款|商品已退款金额|商品退款金额"
        "|买家退款金额|已退款|退款總額|已退款金額|退款金額|返金額|환불금액"
    ),
    # What is left of the amount once money went back; blank where none did.
    "paid_after": "adjusted order total|adjusted total|total after refunds|退款后金额|退款后实付金额",
    "refunded_at": "refunded at|refund date|refund time|退款时间|退款完成时间|退款日期",
    "cost": "cost|total cost|成本|成本价|成本金额|商品成本",
    "units": (
        "units|quantity|qty|quantity ordered|quantity purchased|lineitem quantity|数量|數量|件数|商品数量"
        "|购买数量|宝贝数量|宝贝总数量|订购数量|成交数量|個數|訂購數量|購買數量|商品數量|销售数量|주문수량|items sold"
        "|商品件数|Menge|Anzahl|quantité|cantidad|個数|수량"
    ),
    "status": (
        "status|order status|状态|狀態|订单状态|訂單狀態|交易状态|支付状态|付款状态|financial status"
        "|payment status|fulfillment status|state of order|Bestellstatus|statut|estado|注文ステータス|주문상태"
    ),
    # Whether it was paid, where another column says what has become of the order.
    "pay_status": (
        "payment status|financial status|paid status|pay status|支付状态|付款状态|付款狀態|支付狀態|收款状态"
        "|款项状态|결제상태|Zahlungsstatus"
    ),
    # What came after the sale, where the status of the order does not say it.
    "after_sales": (
        "after sales status|return status|refund status|return / refund status|return refund status|售后状态|售后"
        "|订单售后状态|售后情况|退款状态|退款/售后状态|退货退款状态|售後狀態|退貨 / 退款狀態|退款狀態|商品退款状态"
        "|维权状态|訂單售後狀態|退貨狀態|클레임상태"
    ),
    "cancelled_at": "cancelled at|canceled at|取消时间|关闭时间",
    "currency": (
        "currency|currency code|order currency|order currency code"
        "|币种|货币|货币类型|交易币种|结算币种|订单币种|幣別|幣種|貨幣|交易幣別|通貨|通貨コード|통화|Währung|devise"
        "|moneda|valuta"
    ),
    "version": "version|版本|版本号",
    # Which of two files that tell of an order knows it as it was later.
    "modified": (
        "last modified|last modified at|last modified date|last modified time|modified|modified at|modified on"
        "|modified date|date modified|modification date|modification time|last updated|last updated at|last update"
        "|last update time|last-updated-date|updated at|updated on|updated|date updated|update time|update date"
        "|最后修改时间|最近修改时间|修改时间|订单修改时间|修改日期|最后更新时间|最近更新时间|更新时间|订单更新时间|更新日期"
        "|最後修改時間|修改時間|最後更新時間|更新時間|訂單更新時間|更新日時|最終更新日時|수정일|수정일시"
    ),
    "category": "category|product category|类目|分类|品类|類別|商品分类|商品类目",
    "product": (
        "product|sku|product id|item|商品|商品编号|商品编码|商品ID|货号|商家编码|商品名称|商品名|商品标题"
        "|宝贝标题|全部商品名称|产品|產品|产品名称|product name|product title|item name|item title"
        "|商品名稱|商品貨號|品名|상품명|상품코드|lineitem name|description|stock code|asin"
    ),
}
_CUSTOMERS = {
    "customer": f"id|{_ORDERS['customer']}|客户ID|用户ID|粉丝ID|会员编码|客户编码|member no|member number|customer code",
    "name": (
        "name|customer name|full name|display name|member name|姓名|客户姓名|客户名称|客戶名稱|会员姓名|真实姓名"
        "|买家姓名|收货人姓名|收货人|收件人|昵称|微信昵称|客户昵称|会员昵称|first name|氏名|お名前|이름"
    ),
    "last_name": "last name|surname|family name",
    "phone": _ORDERS["phone"],
    "phone_else": (
        "phone 2|phone2|mobile 2|other phone|second phone|work phone|home phone|备用手机|备用电话|其他电话"
        "|固定电话|座机|电话2|手机2|手机号2|收货人手机|收货人电话|联系电话|联系手机|default address phone"
    ),
    "email": _ORDERS["email"],
    "email_else": "email 2|email2|other email|second email|work email|备用邮箱|其他邮箱|邮箱2",
    "region": _ORDERS["region"]
    + "|province code|所在省|所在省份|default address province code|default address province",
    "city": _ORDERS["city"] + "|所在城市|所在市|default address city",
    "district": "district|county|区|区县|縣市|收货区|所在区|收货人区",
    "address": (
        "address|address 1|address1|street|street address|full address|地址|详细地址|詳細地址|收货地址|收件地址"
        "|收货人地址|联系地址|通讯地址|家庭地址|常用地址|default address address1|billing address 1|住所|주소"
    ),
    "address_else": "address 2|other address|second address|地址2|备用地址|其他地址",
    "birthday": (
        "birthday|birth date|date of birth|birthdate|dob|生日|出生日期|出生年月日|出生年月|会员生日|生日日期"
        "|誕生日|생일"
    ),
    "lunar": "lunar|lunar birthday|is lunar|calendar|农历|農曆|阴历|是否农历|是否農曆|生日类型|历法|是否阴历",
    "registered_on": (
        "registered|registered on|registered at|registration date|sign up|sign up date|signup date"
        "|date registered|joined|joined on|join date|member since|customer since|created at|date created|注册时间"
        "|注册日期|註冊時間|註冊日期|入会时间|入会日期|成为会员时间|成为客户时间|成为粉丝时间|加入时间|建档日期"
        "|建档时间|开卡时间|创建时间|創建時間|登録日|가입일"
    ),
    "interests": "interests|interest|hobbies|兴趣|興趣|爱好|愛好|兴趣爱好|偏好|喜好|购买偏好",
    "notes": "notes|note|remark|remarks|comment|comments|memo|备注|備註|客户备注|会员备注|说明|メモ",
    "is_reseller": "reseller|is reseller|wholesale|dealer|是否经销商|经销商|是否分销|分销商|是否批发|批发客户|代购",
    "manager": (
        "manager|account manager|owner|sales rep|sales owner|assigned to|客户经理|客戶經理|专属客服|专属导购"
        "|所属导购|导购|导购员|跟进人|负责人|负责员工|所属员工|归属员工|归属导购|业务员|维护人|担当者|담당자"
    ),
}
_PRODUCTS = {
    "product": (
        "product id|product code|product no|product number|sku|variant sku|item id|item code|item no|item number"
        "|asin|seller-sku|stock code|article number|商品编号|商品编码|商品ID|货号|商家编码|宝贝ID|宝贝编号"
        "|规格编码|产品编号|产品编码|产品ID|商品货号|商品コード|상품코드"
    ),
    "name": (
        "name|title|product|product name|product title|item name|item|item title|商品|商品名称|商品名|商品标题"
        "|宝贝标题|宝贝名称|标题|名称|产品|产品名称|品名|상품명"
    ),
    "category": (
        "category|categories|product category|product type|type|类目|分类|品类|類別|商品分类|商品类目|类别"
        "|宝贝类目|所属分类|店铺分类|カテゴリ"
    ),
    "price": (
        "price|regular price|selling price|sale price|variant price|unit price|list price|价格|售价|销售价|单价"
        "|商品价格|零售价|一口价|宝贝价格|店铺价|现价|販売価格|판매가"
    ),
    "cost": (
        "cost|cost per item|cost price|unit cost|purchase price|成本|成本价|进价|进货价|采购价|供货价|商品成本|原価"
    ),
    "picture": (
        "picture|picture url|image|images|image url|image src|image link|photo|main image|图片|主图|商品图片"
        "|图片地址|图片链接|主图链接|商品主图|宝贝图片|主图地址"
    ),
    "currency": _ORDERS["currency"],
}
_REFUNDS = {
    "order_no": _ORDERS["order_no"] + "|原订单号|关联订单号|order name|original order",
    "refund_no": (
        "refund id|refund no|refund number|refund reference|return id|return number|rma|rma number|credit note"
        "|退款编号|退款单号|退款ID|退款流水号|售后编号|售后单号|售后单编号|退换货编号|退货单号|退款單號|返金番号"
    ),
    "amount": (
        "refund amount|refunded amount|amount refunded|refund total|total refund|refunded|refund|退款金额"
        "|退款总额|实际退款金额|实退金额|买家退款金额|成功退款金额|退还金额|售后金额|申请退款金额|退款金額|返金額"
        "|환불금액|amount|total|金额|金額"
    ),
    "refunded_at": (
        "refunded at|refund date|refund time|refund completed at|退款时间|退款完成时间|退款成功时间|完结时间"
        "|退款完结时间|完成时间|退款日期|售后完成时间|processed at|date|created at|申请时间|退款申请时间"
        "|退款的申请时间|售后申请时间|日期|返金日|환불일"
    ),
    "reason": (
        "reason|refund reason|return reason|reason for refund|reason for return|退款原因|退货原因|售后原因|退款理由"
        "|申请原因|申请退款原因|买家退款原因|退貨原因|退款理由|退貨退款原因|返品理由|返金理由"
    ),
    "status": "status|refund status|return status|state|退款状态|售后状态|退款狀態|状态|狀態|处理状态|退款单状态",
    "currency": _ORDERS["currency"],
}
# Headers that say themselves that an amount is the price of a piece.
_PIECE = (
    "unit price|price each|price per unit|price per item|lineitem price|单价|商品单价|单品价|成交单价|販売単価|単価"
    "|单品单价|deal price|京东价|商品活動價格|商品售价|商品結帳價|item cost"
)
# And those that do not say whether it is.
_MAYBE_PIECE = "price|item price|sale price|sold for|价格|商品价格|售价|销售价|price paid"
# Of money back that may have been asked for only: what the status beside it says decides.
MAYBE_ASKED = frozenset(
    map(
        key, ("退款金额", "退款金額", "申请退款金额", "买家退款金额", "商品退款金额", "refund amount", "refund", "退款")
    )
)
# A name that nobody listed, by what it says: what the buyer paid in the end.
_NET = re.compile(
    r"实付|实收|实际|實付|實收|實際|(?:付款|支付|成交)(?:总|總)?(?:金额|金額|额|額)|(?:客户|买家|用户|顾客|顧客)(?:支付|付款)|净(?:额|收)"
    r"|(?:amount|total|net)paid|paid(?:amount|total)"
)
_AMOUNT = re.compile(r"[-+]?[¥￥$€£]?\s*-?\d[\d,. ]*(?:元|cny|rmb)?", re.IGNORECASE)
# A number of orders that nobody listed: without it numbers would be made up, and the shop's own would come besides.
_ORDER_NO = re.compile(
    r"(?:订单|訂單|主单|主單|单据|單據|交易|小票|收据|收據|销售单|線上|线上|流水|receipt|order|invoice|transaction|ticket|注文|주문)"
    r".{0,3}(?:号|號|编号|編號|编码|ID|id|no|number|num|番号|번호)$"
)
_NO_ORDER_NO = re.compile(
    r"物流|快递|运单|退款|售后|退货|支付|付款|发票|發票|父|子|合并|仓|发货|出库|商品|门店|店铺|微信|支付宝|行号"
    r"|item|line|payment|tracking|refund|customer|payer|product|store|invoice(?:id)?for|parent|재|상품"
)
# What a column says of an order, whatever else its name says: without it a cancelled order would be a paid one.
_STATE = re.compile(r"状态|狀態|ステータス|상태|status|statut$|stato$")
_BESIDE = {
    "after_sales": re.compile(r"售后|售後|退款|退货|退貨|维权|維權|返金|返品|환불|반품|refund|return"),
    "pay_status": re.compile(r"支付|付款|收款|入金|支払|결제|payment|financial|paid"),
}
_OF_ELSE = re.compile(
    r"物流|发货|發貨|配送|快递|发票|發票|评价|打印|审核|备注|客户|会员|库存|结算|推广|开票|同步|出荷|배송|shipping|shipment|fulfil|deliver"
    r"|invoice|stock|customer|member|login|email|shipto|billto|billing|country|tax|print|sync"
)
_MONEY_BACK = re.compile(
    r"(?:退款|退货|退貨|退还|退回|返金|환불|refund).*(?:金额|金額|额$|額$|amount|total)|金额.*退|已退款?$|(?:amount|total)refunded$"
)
_NO_MONEY_BACK = re.compile(
    r"申请|原因|时间|日期|单号|编号|数量|件数|手续费|运费|状态|date|time|reason|fee|id$|count|quantity|前"
)
_NO_AMOUNT = re.compile(
    r"积分|積分|运费|運費|邮费|郵費|快递|时间|時間|日期|方式|状态|狀態|单号|编号|账号|红包|优惠|優惠|补贴|補貼|税|稅|服务费|佣金|手续费|件数|数量|重量|说明|备注|发货|积点|余额"
    r"|points|tax|shipping|fee|discount|currency|date|time|method|status"
)
_OF_LINE = re.compile(r"^(?:商品|单品|单件|子订单|子单|明细|货品|宝贝|行|sku|line|item|product)")
_OF_ORDER = re.compile(r"订单|訂單|整单|order|总|總|累计|累計|total")
# Before discounts, or before anything was paid: it gives way to a column that says what was.
_GROSS = frozenset(
    map(
        key,
        (
            *(
                "订单金额",
                "订单总额",
                "订单总价",
                "订单总金额",
                "总金额",
                "总价",
                "应付金额",
                "用户应付金额",
                "订单应付金额",
                "应付款",
            ),
            *(
                "商品金额",
                "商品总额",
                "商品小计",
                "商品应付",
                "买家应付货款",
                "訂單金額",
                "訂單總額",
                "總金額",
                "order value",
            ),
        ),
    )
)
# What is left of the total once money went back: with a column of money back beside it, that would count twice.
_AFTER_REFUND = tuple(map(key, ("net amount", "net total", "net sales", "net payment")))
# Headers below which a shop writes the customer's number or the customer's name.
_MAYBE_NAME = frozenset(map(key, ("customer", "buyer", "client", "买家", "客户", "客戶", "顧客")))
_NAME = re.compile(r"[\u4e00-\u9fff·]{2,8}|[^\W\d_][^\d_@]*\s[^\d_@]+")


@dataclass(frozen=True)
class Kind:
    """A kind of file: its fields with the names of their columns, and what it cannot do without."""

    headers: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...]  # of each group one; the first stands for it in a sentence


def _keys(headers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        field: tuple(dict.fromkeys(key(alias) for alias in names.split("|") if alias))
        for field, names in headers.items()
    }


KINDS = {
    "orders": Kind(_keys(_ORDERS), ("date",), (("paid", "line_paid"), ("customer", "phone", "email"))),
    "customers": Kind(_keys(_CUSTOMERS), (), (("customer", "phone", "email", "phone_else", "email_else"),)),
    "products": Kind(_keys(_PRODUCTS), (), (("product", "name"),)),
    "refunds": Kind(_keys(_REFUNDS), ("order_no", "amount"), ()),
}
# What begins the name of a field that the mall has added to its customers.
CUSTOM = "custom:"
HEADERS = KINDS["orders"].headers
PIECE_NAMES = tuple(key(name) for name in _PIECE.split("|"))
MAYBE_PIECE_NAMES = tuple(key(name) for name in _MAYBE_PIECE.split("|"))
PIECE, MAYBE_PIECE = frozenset(PIECE_NAMES), frozenset(MAYBE_PIECE_NAMES)
_BOUGHT = {"paid", "line_paid", "units"}
_OF_PEOPLE = {"registered_on", "birthday", "interests", "manager", "address", "is_reseller"}
_FIELD_OF = {
    alias: field
    for kind in reversed(KINDS.values())
    for field, aliases in reversed(list(kind.headers.items()))
    for alias in aliases
}


def headers(kind: str) -> dict[str, tuple[str, ...]]:
    """Field -> how its column may be called; for customers with the mall's own fields, by their names and keys."""
    said = dict(KINDS[kind].headers)
    if kind == "customers":
        said |= {f"{CUSTOM}{field.key}": (key(field.name), key(field.key)) for field in custom_fields.in_use()}
    return said


def kinds_of(names: Sequence[str]) -> list[str]:
    """What a file with these columns can be of; one where they decide it, none where they say nothing."""
    guesses = {kind: guess(names, (), kind) for kind in KINDS}
    complete = {kind for kind, mapping in guesses.items() if not missing_fields(mapping, kind)}
    orders, people, goods, refunds = guesses.values()
    if "refunds" in complete and ("refund_no" in refunds or ("orders" not in complete and not orders.keys() & _BOUGHT)):
        return ["refunds"]
    if "orders" in complete:
        told = len(people.keys() & _OF_PEOPLE) >= 2 and not orders.keys() & {"order_no", "product", "units", "status"}
        return ["orders", "customers"] if told else ["orders"]
    if "order_no" in orders:
        return ["orders"]
    if "customers" in complete and not orders.keys() & _BOUGHT:
        return ["customers"]
    if "products" in complete and goods.keys() & {"price", "cost", "picture"} and "customers" not in complete:
        return ["products"]
    return [kind for kind in KINDS if kind in complete]


def is_of_order(name: str) -> bool:
    """Whether the name of the column says that it speaks of the whole order."""
    return bool(_OF_ORDER.match(key(name)))


def field_of(name: str) -> str:
    """What a column of this name holds in a file of some kind, "" if nobody knows."""
    value = key(name)
    return _FIELD_OF.get(value, "") or ("line_paid" if value in PIECE | MAYBE_PIECE else "")


def guess(names: Sequence[str], sample: Iterable[Sequence[str]] = (), kind: str = "orders") -> dict[str, str]:
    """Field -> column name, as far as the headers say so. A column with something in it goes before an empty one."""
    mapping: dict[str, str] = {}
    rows = list(sample)
    for field, aliases in headers(kind).items():
        is_second = field.endswith("_else") or kind != "orders"
        if column := choose(aliases, names, rows, taken=mapping.values() if is_second else ()):
            mapping[field] = column
    if kind == "orders":
        _by_what_names_say(mapping, names, rows)
        _prefer_net(mapping, names, rows)
        if "currency" not in mapping and (column := _currencies(names, rows)):
            mapping["currency"] = column
    if mapping.get("pay_status") == mapping.get("status"):
        mapping.pop("pay_status", None)
    if kind == "orders" and not mapping.keys() & {"paid", "line_paid"}:
        column = choose((*PIECE, *MAYBE_PIECE), names, rows)
        if column and ("units" in mapping or key(column) in MAYBE_PIECE):
            mapping["line_paid" if "order_no" in mapping else "paid"] = column
    if key(mapping.get("customer", "")) in _MAYBE_NAME and _are_names(names.index(mapping["customer"]), rows):
        mapping["name"] = mapping.pop("customer")
    if key(mapping.get("name", "")) not in {key("first name"), key("billing first name")}:
        mapping.pop("last_name", None)
    return mapping


def _by_what_names_say(mapping: dict[str, str], names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns of the status and of money back that nobody listed, by what their names say."""
    free = [name for name in names if name not in mapping.values()]
    numbers = [name for name in free if _ORDER_NO.search(key(name)) and not _NO_ORDER_NO.search(key(name))]
    if "order_no" not in mapping and numbers:
        mapping["order_no"] = choose(map(key, numbers), names, rows)
    states = [name for name in free if _STATE.search(key(name)) and not _OF_ELSE.search(key(name))]
    for field, word in _BESIDE.items():
        of_field = [name for name in states if word.search(key(name))]
        states = [name for name in states if name not in of_field]
        if field not in mapping and of_field:
            mapping[field] = choose(map(key, of_field), names, rows)
    if "status" not in mapping and (
        of_order := states or [mapping[name] for name in ["pay_status"] if name in mapping]
    ):
        mapping["status"] = choose(map(key, of_order), names, rows)
    if "refunded" not in mapping:
        back = [name for name in free if _MONEY_BACK.search(key(name)) and not _NO_MONEY_BACK.search(key(name))]
        back = [name for name in back if _are_amounts(names.index(name), rows)]
        if back:
            mapping["refunded"] = choose(map(key, back), names, rows)


def _prefer_net(mapping: dict[str, str], names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """What was paid in the end goes before what was to be paid, and what was paid before what is left of it."""
    if "refunded" in mapping and key(mapping.get("paid", "")) in _AFTER_REFUND:
        others = [alias for alias in HEADERS["paid"] if alias not in _AFTER_REFUND]
        mapping["paid"] = choose(others, names, rows) or mapping["paid"]
    if _NET.search(key(mapping.get("paid", ""))):
        return
    net = [name for name in names if name not in mapping.values() and _is_net(name, names.index(name), rows)]
    if not net:
        return
    column = choose(map(key, net), names, rows)
    if _OF_LINE.match(key(column)):
        mapping["line_paid"] = column
        if key(mapping.get("paid", "")) in _GROSS:
            del mapping["paid"]
    else:
        mapping["paid"] = column
        if key(mapping.get("line_paid", "")) in _GROSS:
            del mapping["line_paid"]


def _currencies(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The column whose cells are all codes of currencies, whatever it is called; else nothing."""
    for index, name in enumerate(names):
        cells = {row[index].strip() for row in rows if len(row) > index} - {""}
        if cells and cells <= amounts.CODES:
            return name
    return ""


def _is_net(name: str, index: int, rows: Sequence[Sequence[str]]) -> bool:
    if not _NET.search(key(name)) or _NO_AMOUNT.search(key(name)):
        return False
    return _are_amounts(index, rows)


def _are_amounts(index: int, rows: Sequence[Sequence[str]]) -> bool:
    texts = {row[index].strip() for row in rows if len(row) > index} - {"", "-", "--", "无"}
    return (bool(texts) or not rows) and all(map(_AMOUNT.fullmatch, texts))


def _are_names(index: int, rows: Iterable[Sequence[str]]) -> bool:
    """Whether most cells of the column are what people are called: two of one name are not one customer."""
    texts = [row[index].strip() for row in rows if len(row) > index and row[index].strip()]
    return sum(bool(_NAME.fullmatch(text)) for text in texts) * 2 > len(texts)


def choose(
    aliases: Iterable[str], names: Sequence[str], rows: Sequence[Sequence[str]], *, taken: Iterable[str] = ()
) -> str:
    """The column of the first alias that has one, an empty column only when there is no other; else nothing."""
    of_key: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        for spelling in {key(name), key(name).removesuffix("元")}:
            of_key.setdefault(spelling, []).append(number)
    numbers = [number for alias in aliases for number in of_key.get(alias, ()) if names[number] not in set(taken)]
    full = [number for number in numbers if not rows or any(row[number].strip() for row in rows if len(row) > number)]
    return names[(full or numbers)[0]] if numbers else ""


def remapped(mapping: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """The mapping with what somebody said: a column that is now of another field is of that one alone."""
    columns = set(said.values())
    result = {field: column for field, column in mapping.items() if column not in columns} | dict(said)
    if said.get("date") and said["date"] == mapping.get("date_else") and "date_else" not in said:
        result["date_else"] = mapping["date"]
    return result


def check_mapping(mapping: Mapping[str, str], names: Sequence[str], kind: str = "orders") -> None:
    """Refused when a field or a column does not exist, or one that is needed has none."""
    known = headers(kind)
    for field, column in mapping.items():
        if field not in known:
            raise Invalid(_("“%(field)s” is not a field that can be imported.") % {"field": field}, code="bad_mapping")
        if column not in names:
            raise Invalid(_("The file has no column “%(column)s”.") % {"column": column}, code="bad_mapping")
    if missing := missing_fields(mapping, kind):
        raise Invalid(
            _("Say which column holds: %(fields)s.") % {"fields": ", ".join(missing)}, code="mapping_incomplete"
        )


def missing_fields(mapping: Mapping[str, str], kind: str = "orders") -> list[str]:
    """What a file of this kind needs and has no column for yet."""
    missing = [field for field in KINDS[kind].needed if field not in mapping]
    missing += [group[0] for group in KINDS[kind].one_of if not mapping.keys() & set(group)]
    if "line_paid" in mapping and "order_no" not in mapping:
        missing.append("order_no")
    return missing
