# ruff: noqa: E501  one leaf is one row of a table, however wide
"""The town's categories: 58 leaves of three levels, in Chinese and English, with how each is sold and used.

A smaller town takes the first leaves, so the list begins with a mixed handful.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf category.

    `sizes` in `unit`; `price_minor` for the middle size (CNY fen). `interval_days`: until the need comes back; `consumable`: then she tends to buy the same again. `peak_day` (of the year) and `amplitude`
    (0 to 1): its season. `other_returns`: part of good orders sent back all the same (size, changed mind).
    `styles`: key of `names.STYLES`. `goes_with`: English names of the leaves that complement it.
    """

    top: str
    middle: str
    en: str
    zh: str
    unit: str
    sizes: tuple[float, ...]
    price_minor: int
    interval_days: int
    consumable: bool
    peak_day: int
    amplitude: float
    other_returns: float
    styles: str
    goes_with: tuple[str, ...]

    @property
    def path(self) -> str:
        """The category as the contract writes it."""
        return f"{self.top} > {self.middle} > {self.en} {self.zh}"


FOOD, BEAUTY, HOME, BABY = "Food 食品", "Beauty 美妆", "Home 家居", "Mother and baby 母婴"
CLOTHES, GADGETS, SPORT = "Clothing 服饰", "Electronics 数码", "Sports 运动"
BOOKS, PETS = "Books and stationery 图书文具", "Pets 宠物"
TEA, SNACKS, STAPLES, FRUIT = "Tea 茶", "Snacks 零食", "Staples 粮油", "Fruit 水果"
SKIN, BATH = "Skin care 护肤", "Bath 洗浴"
KITCHEN, BEDDING, CLEANING = "Kitchen 厨房", "Bedding 床品", "Cleaning 清洁"
CARE, PLAY = "Baby care 婴儿护理", "Play and learn 早教"
WEAR, WARM, SHOES = "Everyday wear 日常服装", "Warm things 保暖", "Shoes 鞋"
SOUND, SMALL = "Sound and power 音频电源", "Small appliances 小家电"
FITNESS, OUTDOORS = "Fitness 健身", "Outdoors 户外"
PAPER, READING = "Stationery 文具", "Reading 阅读"
CATS, DOGS = "Cats 猫", "Dogs 狗"

LEAVES: tuple[Leaf, ...] = (
    Leaf(FOOD, TEA, "Green tea", "绿茶", "g", (50, 100, 250), 6800, 30, True, 100, .5, .008, "tea", ("Tea cups", "Biscuits")),
    Leaf(HOME, KITCHEN, "Tea cups", "茶杯", "piece", (1, 2, 6), 4900, 60, False, 100, .1, .02, "clay", ("Green tea",)),
    Leaf(BEAUTY, BATH, "Handmade soap", "手工皂", "g", (80, 100, 150), 2900, 28, True, 60, .1, .01, "flower", ("Towels", "Face cream")),
    Leaf(FOOD, SNACKS, "Nuts", "坚果", "g", (150, 250, 500), 3900, 18, True, 30, .4, .006, "farm", ("Dried fruit",)),
    Leaf(CLOTHES, WEAR, "T-shirts", "T恤", "piece", (1, 2, 3), 7900, 25, False, 190, .6, .07, "cloth", ("Socks",)),
    Leaf(BABY, CARE, "Nappies", "纸尿裤", "piece", (36, 60, 96), 9900, 20, True, 0, 0., .015, "gentle", ("Baby wipes",)),
    Leaf(BEAUTY, SKIN, "Face cream", "面霜", "g", (30, 50, 100), 12800, 45, True, 340, .4, .02, "flower", ("Cleanser",)),
    Leaf(FOOD, STAPLES, "Honey", "蜂蜜", "g", (250, 500, 1000), 4800, 40, True, 300, .3, .006, "farm", ("Black tea",)),
    Leaf(HOME, CLEANING, "Laundry liquid", "洗衣液", "ml", (1000, 2000, 3000), 3900, 35, True, 0, 0., .006, "fresh", ("Tissues",)),
    Leaf(BOOKS, PAPER, "Notebooks", "笔记本", "piece", (1, 3, 5), 2600, 30, False, 240, .5, .01, "paper", ("Pens",)),
    Leaf(PETS, CATS, "Cat food", "猫粮", "g", (1500, 2500, 5000), 11900, 30, True, 0, 0., .01, "pet", ("Cat litter",)),
    Leaf(GADGETS, SOUND, "Earphones", "耳机", "piece", (1,), 15900, 120, False, 310, .3, .05, "gadget", ("Phone cases",)),
    Leaf(SPORT, FITNESS, "Yoga mats", "瑜伽垫", "piece", (1,), 8900, 120, False, 70, .3, .03, "sport", ("Water bottles",)),
    Leaf(FOOD, FRUIT, "Oranges", "橙子", "g", (2500, 4000, 5000), 4500, 12, True, 350, .8, .004, "orchard", ("Nuts",)),
    Leaf(BEAUTY, SKIN, "Sheet masks", "面膜", "piece", (5, 10, 20), 6900, 21, True, 330, .2, .015, "flower", ("Face cream",)),
    Leaf(HOME, BEDDING, "Towels", "毛巾", "piece", (1, 2, 4), 3600, 60, False, 0, .1, .015, "cloth", ("Handmade soap",)),
    Leaf(FOOD, TEA, "Black tea", "红茶", "g", (50, 100, 250), 7200, 32, True, 340, .4, .008, "tea", ("Tea cups", "Honey")),
    Leaf(BABY, CARE, "Baby wipes", "婴儿湿巾", "piece", (80, 240, 480), 2900, 18, True, 0, 0., .005, "gentle", ("Nappies",)),
    Leaf(CLOTHES, WEAR, "Socks", "袜子", "piece", (3, 5, 10), 2900, 40, False, 320, .3, .02, "cloth", ("T-shirts",)),
    Leaf(HOME, CLEANING, "Tissues", "抽纸", "piece", (10, 18, 30), 3200, 22, True, 0, 0., .004, "gentle", ("Dish soap",)),
    Leaf(FOOD, SNACKS, "Dried fruit", "果干", "g", (100, 200, 400), 2600, 16, True, 20, .2, .006, "orchard", ("Nuts",)),
    Leaf(BEAUTY, SKIN, "Cleanser", "洁面乳", "g", (80, 120, 200), 6500, 40, True, 200, .1, .015, "flower", ("Sheet masks",)),
    Leaf(PETS, CATS, "Cat litter", "猫砂", "g", (5000, 10000), 4900, 24, True, 0, 0., .006, "pet", ("Cat food",)),
    Leaf(BOOKS, PAPER, "Pens", "中性笔", "piece", (3, 6, 12), 1900, 30, True, 240, .6, .006, "paper", ("Notebooks",)),
    Leaf(BOOKS, READING, "Picture books", "绘本", "piece", (1, 4, 8), 5900, 14, False, 150, .2, .015, "story", ("Wooden toys",)),
    Leaf(FOOD, STAPLES, "Noodles", "面条", "g", (500, 1000, 2000), 2200, 15, True, 0, 0., .004, "farm", ("Chilli sauce",)),
    Leaf(FOOD, STAPLES, "Rice", "大米", "g", (2500, 5000, 10000), 4900, 30, True, 290, .2, .004, "farm", ("Camellia oil",)),
    Leaf(FOOD, STAPLES, "Camellia oil", "山茶油", "ml", (250, 500, 1000), 11800, 50, True, 340, .3, .006, "farm", ("Rice",)),
    Leaf(HOME, KITCHEN, "Thermos flasks", "保温杯", "piece", (1,), 9900, 150, False, 340, .6, .03, "gadget", ("Green tea",)),
    Leaf(CLOTHES, WARM, "Scarves", "围巾", "piece", (1,), 8900, 90, False, 350, .9, .05, "cloth", ("Cardigans",)),
    Leaf(CLOTHES, WARM, "Cardigans", "开衫", "piece", (1,), 15900, 45, False, 320, .7, .08, "cloth", ("Scarves",)),
    Leaf(BEAUTY, BATH, "Shampoo", "洗发水", "ml", (250, 500, 750), 5900, 45, True, 0, 0., .01, "flower", ("Shower gel",)),
    Leaf(BEAUTY, BATH, "Shower gel", "沐浴露", "ml", (300, 500, 1000), 4200, 45, True, 190, .2, .008, "flower", ("Shampoo",)),
    Leaf(FOOD, SNACKS, "Biscuits", "饼干", "g", (150, 300, 600), 2400, 12, True, 20, .2, .005, "farm", ("Green tea",)),
    Leaf(BABY, PLAY, "Wooden toys", "木制玩具", "piece", (1, 2), 7900, 25, False, 150, .4, .03, "story", ("Picture books",)),
    Leaf(BABY, CARE, "Baby clothes", "婴儿服", "piece", (1, 2, 3), 6900, 25, False, 90, .2, .06, "gentle", ("Nappies",)),
    Leaf(GADGETS, SMALL, "Desk lamps", "台灯", "piece", (1,), 12900, 200, False, 240, .3, .03, "gadget", ("Notebooks",)),
    Leaf(GADGETS, SMALL, "Kettles", "养生壶", "piece", (1,), 16900, 200, False, 330, .3, .03, "gadget", ("Flower tea",)),
    Leaf(GADGETS, SOUND, "Power banks", "充电宝", "piece", (1,), 12900, 150, False, 180, .2, .03, "gadget", ("Earphones",)),
    Leaf(GADGETS, SOUND, "Phone cases", "手机壳", "piece", (1, 2), 3900, 50, False, 0, .1, .03, "gadget", ("Power banks",)),
    Leaf(FOOD, TEA, "Flower tea", "花茶", "g", (40, 80, 160), 4200, 25, True, 120, .3, .008, "flower", ("Kettles", "Honey")),
    Leaf(FOOD, TEA, "Pu'er tea", "普洱茶", "g", (100, 200, 357), 12800, 50, True, 330, .2, .01, "tea", ("Tea cups",)),
    Leaf(HOME, BEDDING, "Quilts", "被子", "piece", (1,), 29900, 300, False, 330, .8, .05, "cloth", ("Sheet sets",)),
    Leaf(HOME, BEDDING, "Sheet sets", "四件套", "piece", (1,), 25900, 200, False, 280, .3, .05, "cloth", ("Quilts",)),
    Leaf(HOME, CLEANING, "Dish soap", "洗洁精", "ml", (500, 1000, 2000), 1900, 32, True, 0, 0., .004, "fresh", ("Laundry liquid",)),
    Leaf(HOME, KITCHEN, "Storage jars", "密封罐", "piece", (1, 3, 6), 3900, 80, False, 40, .1, .02, "clay", ("Nuts",)),
    Leaf(FOOD, STAPLES, "Chilli sauce", "辣椒酱", "g", (180, 280, 500), 2300, 24, True, 330, .2, .006, "farm", ("Noodles",)),
    Leaf(FOOD, FRUIT, "Mangoes", "芒果", "g", (2500, 4000), 5200, 12, True, 150, .9, .004, "orchard", ("Oranges",)),
    Leaf(FOOD, FRUIT, "Cherries", "樱桃", "g", (1000, 2000), 9800, 14, True, 135, .9, .004, "orchard", ("Mangoes",)),
    Leaf(BEAUTY, SKIN, "Sunscreen", "防晒霜", "g", (30, 50, 80), 8900, 50, True, 180, .8, .015, "fresh", ("Cleanser",)),
    Leaf(CLOTHES, SHOES, "Canvas shoes", "帆布鞋", "piece", (1,), 12900, 70, False, 110, .3, .1, "cloth", ("Socks",)),
    Leaf(CLOTHES, SHOES, "Slippers", "拖鞋", "piece", (1, 2), 3200, 60, False, 180, .3, .04, "cloth", ("Socks",)),
    Leaf(CLOTHES, WEAR, "Dresses", "连衣裙", "piece", (1,), 18900, 30, False, 160, .7, .12, "cloth", ("Canvas shoes",)),
    Leaf(SPORT, OUTDOORS, "Water bottles", "运动水壶", "piece", (1, 2), 5900, 100, False, 180, .4, .02, "sport", ("Yoga mats",)),
    Leaf(SPORT, OUTDOORS, "Camping lights", "露营灯", "piece", (1, 2), 7900, 150, False, 130, .6, .03, "sport", ("Thermos flasks",)),
    Leaf(SPORT, FITNESS, "Skipping ropes", "跳绳", "piece", (1, 2), 2900, 100, False, 90, .3, .02, "sport", ("Water bottles",)),
    Leaf(BOOKS, READING, "Novels", "小说", "piece", (1, 3), 4500, 16, False, 200, .1, .01, "story", ("Pens",)),
    Leaf(PETS, DOGS, "Dog snacks", "狗零食", "g", (200, 400, 800), 3900, 20, True, 0, 0., .008, "pet", ("Cat food",)),
)  # fmt: skip

TOPS: tuple[str, ...] = tuple(dict.fromkeys(leaf.top for leaf in LEAVES))
