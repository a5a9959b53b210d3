"""Names, places and interests of the people of the demo mall. Nobody of them exists.

The phone numbers lie in blocks that end in four zeros before the last four digits; the streets are named after samples.
"""

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"
    "于杜叶程魏苏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯"
    "龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
GIVEN_ONE = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚玲桂丹萍鑫波斌莉辉琳宇浩凯颖欣悦倩婷雪慧建峰"
GIVEN_TWO = (
    "秀英 秀兰 建华 建国 志强 志明 海燕 海涛 晓东 晓燕 晓明 丽华 丽娟 国强 国庆 文静 "
    "文博 玉兰 玉梅 春梅 春生 子轩 子涵 梓萱 浩然 浩宇 欣怡 欣悦 雨桐 雨欣 思远 思琪 "
    "佳琪 佳怡 俊杰 俊豪 诗涵 若曦 天佑 一诺 一鸣 嘉豪 嘉欣 明哲 明月 雅婷 雅琴 梦瑶 "
    "梦洁 家明 家辉 永康 永福 淑珍 淑华 凤英 桂芳 少华 宏伟 宏志 立群 立新 学文 学军 "
    "振华 振宇 彩霞 小红 小龙 金凤 "
)
WESTERN_GIVEN = (
    "James Mary Robert Anna Michael Laura David Emma Thomas Julia Daniel Sophie Peter Olivia Lucas Claire Martin Nora "
    "Oliver Helen Paul Irene Simon Alice Victor Grace Hugo Ingrid Leon Maria"
)
WESTERN_FAMILY = (
    "Smith Brown Miller Wilson Taylor Martin Bauer Weber Dubois Moreau Rossi Romano Garcia Lopez Silva Costa Jansen "
    "Larsen Novak Kowalski Walker Young King Evans Clarke Hughes Foster Murphy Kelly Becker"
)

PLACES: dict[str, tuple[str, ...]] = {
    "广东": ("广州", "深圳", "佛山", "东莞"),
    "浙江": ("杭州", "宁波", "温州", "金华"),
    "江苏": ("南京", "苏州", "无锡", "南通"),
    "上海": ("上海",),
    "北京": ("北京",),
    "四川": ("成都", "绵阳"),
    "山东": ("青岛", "济南", "烟台"),
    "湖北": ("武汉", "宜昌"),
    "福建": ("厦门", "福州", "泉州"),
    "湖南": ("长沙", "岳阳"),
    "河南": ("郑州", "洛阳"),
    "重庆": ("重庆",),
    "陕西": ("西安", "咸阳"),
    "安徽": ("合肥", "芜湖"),
    "辽宁": ("沈阳", "大连"),
    "天津": ("天津",),
    "河北": ("石家庄", "保定"),
    "江西": ("南昌", "赣州"),
    "云南": ("昆明", "大理"),
    "广西": ("南宁", "桂林"),
    "黑龙江": ("哈尔滨",),
    "吉林": ("长春",),
    "贵州": ("贵阳",),
    "山西": ("太原",),
    "海南": ("海口", "三亚"),
    "香港": ("香港",),
}
PLACE_WEIGHTS = (14, 12, 11, 9, 8, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1)
CITY_STATES = {"上海", "北京", "重庆", "天津", "香港"}
INTERESTS = (
    "茶道",
    "烘焙",
    "亲子",
    "健身",
    "露营",
    "阅读",
    "养猫",
    "养狗",
    "摄影",
    "美妆",
    "收藏",
    "园艺",
    "旅行",
    "书法",
)
STREETS = ("示范路", "样板街", "测试大道", "演示巷", "范例路")
BLOCKS = ("190", "195", "199", "166")
