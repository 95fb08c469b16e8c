# ruff: noqa: E501  Chinese characters count as two columns
"""Words for titles, brands, shops and suppliers, readable in Chinese and in English."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.town.catalogue import LEAVES
from training.town.draw import Array

STYLES: dict[str, tuple[tuple[str, str], ...]] = {
    "tea": (("明前", "Early spring"), ("高山", "High mountain"), ("古树", "Old tree"), ("云雾", "Cloud mist"),
            ("手采", "Hand-picked"), ("炭焙", "Charcoal-roasted"), ("家常", "Everyday"), ("礼盒", "Gift box")),
    "clay": (("青瓷", "Celadon"), ("粗陶", "Rough clay"), ("白瓷", "White porcelain"), ("手绘", "Hand-painted"),
             ("竹节", "Bamboo-shaped"), ("玻璃", "Glass"), ("汝窑", "Ru ware"), ("素色", "Plain")),
    "flower": (("山茶花", "Camellia"), ("桂花", "Osmanthus"), ("薰衣草", "Lavender"), ("玫瑰", "Rose"),
               ("茉莉", "Jasmine"), ("菊花", "Chrysanthemum"), ("艾草", "Mugwort"), ("橙花", "Orange blossom")),
    "farm": (("农家", "Farmhouse"), ("有机", "Organic"), ("原味", "Plain"), ("海盐", "Sea salt"),
             ("黑芝麻", "Black sesame"), ("石磨", "Stone-ground"), ("五谷", "Five-grain"), ("山野", "Wild")),
    "orchard": (("赣南", "Gannan"), ("百色", "Baise"), ("树上熟", "Tree-ripened"), ("冰糖", "Rock-sugar"),
                ("当季", "In-season"), ("小果", "Small"), ("大果", "Large"), ("家庭装", "Family")),
    "cloth": (("纯棉", "Pure cotton"), ("亚麻", "Linen"), ("羊毛", "Wool"), ("条纹", "Striped"),
              ("素色", "Plain"), ("碎花", "Small-flower"), ("格子", "Checked"), ("莫代尔", "Modal")),
    "gentle": (("柔软", "Soft"), ("超薄", "Extra thin"), ("加厚", "Thick"), ("无香", "Unscented"),
               ("竹纤维", "Bamboo fibre"), ("云朵", "Cloud"), ("本色", "Unbleached"), ("亲肤", "Skin-kind")),
    "fresh": (("柠檬", "Lemon"), ("海盐", "Sea salt"), ("薄荷", "Mint"), ("青柠", "Lime"),
              ("皂角", "Soapnut"), ("清香", "Light-scented"), ("浓缩", "Concentrated"), ("无磷", "Phosphate-free")),
    "paper": (("牛皮纸", "Kraft"), ("点阵", "Dotted"), ("方格", "Squared"), ("复古", "Vintage"),
              ("顺滑", "Smooth"), ("彩色", "Coloured"), ("极简", "Minimal"), ("考试", "Exam")),
    "pet": (("鸡肉", "Chicken"), ("三文鱼", "Salmon"), ("无谷", "Grain-free"), ("豆腐", "Tofu"),
            ("幼年", "Young pet"), ("冻干", "Freeze-dried"), ("鸭肉", "Duck"), ("全价", "Complete")),
    "gadget": (("静音", "Quiet"), ("轻巧", "Light"), ("折叠", "Folding"), ("无线", "Wireless"),
               ("升级", "Upgraded"), ("简约", "Simple"), ("不锈钢", "Steel"), ("便携", "Portable")),
    "sport": (("防滑", "Non-slip"), ("加宽", "Wide"), ("轻量", "Lightweight"), ("入门", "Beginner"),
              ("专业", "Pro"), ("儿童", "Children's"), ("折叠", "Folding"), ("户外", "Outdoor")),
    "story": (("森林", "Forest"), ("海洋", "Ocean"), ("节气", "Solar terms"), ("动物", "Animal"),
              ("睡前", "Bedtime"), ("江南", "Jiangnan"), ("星空", "Starry"), ("四季", "Four seasons")),
}  # fmt: skip
N_STYLES = 8

FIRST = (("听", "Ting"), ("云", "Yun"), ("青", "Qing"), ("小", "Xiao"), ("山", "Shan"), ("南", "Nan"),
         ("春", "Chun"), ("木", "Mu"), ("白", "Bai"), ("禾", "He"), ("朴", "Pu"), ("晓", "Xiao"),
         ("月", "Yue"), ("竹", "Zhu"), ("安", "An"), ("清", "Qing"), ("橙", "Cheng"), ("暖", "Nuan"),
         ("良", "Liang"), ("半", "Ban"))  # fmt: skip
SECOND = (("雨", "yu"), ("满", "man"), ("舍", "she"), ("风", "feng"), ("里", "li"), ("溪", "xi"),
          ("田", "tian"), ("禾", "he"), ("集", "ji"), ("屿", "yu"), ("物", "wu"), ("家", "jia"),
          ("坊", "fang"), ("谷", "gu"), ("岚", "lan"), ("光", "guang"), ("林", "lin"), ("间", "jian"),
          ("和", "he"), ("夏", "xia"))  # fmt: skip
PLACES = (("安溪", "Anxi"), ("杭州", "Hangzhou"), ("义乌", "Yiwu"), ("景德镇", "Jingdezhen"), ("佛山", "Foshan"),
          ("成都", "Chengdu"), ("大理", "Dali"), ("苏州", "Suzhou"), ("泉州", "Quanzhou"), ("青岛", "Qingdao"),
          ("洛阳", "Luoyang"), ("长沙", "Changsha"))  # fmt: skip
KINDS = (("工厂", "factory", "factory"), ("农场", "farm", "farm"), ("贸易", "trading", "trader"),
         ("作坊", "workshop", "workshop"), ("品牌店", "brand house", "brand"))  # fmt: skip
REGIONS = ("East 华东", "South 华南", "North 华北", "Central 华中", "South-west 西南", "North-west 西北",
           "North-east 东北")  # fmt: skip
SHOPS = (("小铺", "corner"), ("好物", "good things"), ("优选", "picks"), ("家", "home"), ("生活馆", "living"))
N_BRANDS = len(FIRST) * len(SECOND)


def brand_name(brand: int) -> str:
    """A brand's name, such as `听雨 Tingyu`."""
    first, second = FIRST[brand % len(FIRST)], SECOND[brand // len(FIRST) % len(SECOND)]
    return f"{first[0]}{second[0]} {first[1]}{second[1]}"


def supplier_name(brand: int, place: int, kind: int) -> str:
    """A supplier's name, such as `安溪听雨作坊 Anxi Tingyu workshop`."""
    zh, en = brand_name(brand).split(" ")
    where, what = PLACES[place], KINDS[kind]
    return f"{where[0]}{zh}{what[0]} {where[1]} {en} {what[1]}"


def shop_name(brand: int, leaf: int, ending: int) -> str:
    """An owner's shop, such as `小满茶好物 Xiaoman tea good things`."""
    zh, en = brand_name(brand).split(" ")
    middle_en, middle_zh = LEAVES[leaf].middle.rsplit(" ", 1)
    zh_end, en_end = SHOPS[ending]
    return f"{zh}{middle_zh}{zh_end} {en} {middle_en.lower()} {en_end}"


def size_text(quantity: float, unit: str) -> str:
    """A package size as it stands on a label: `100 g`, `2.5 kg`, `1 L`, `6 pieces`."""
    if unit == "piece":
        return "1 piece" if quantity == 1 else f"{quantity:g} pieces"
    if quantity >= 1000:
        return f"{quantity / 1000:g} {'kg' if unit == 'g' else 'L'}"
    return f"{quantity:g} {unit}"


def titles(leaf: Array, style: Array, quantity: NDArray[np.float64]) -> list[str]:
    """A title per product, such as `山茶花手工皂 Camellia handmade soap 100 g`."""
    known: dict[tuple[int, int, float], str] = {}
    out: list[str] = []
    for key in zip(leaf.tolist(), style.tolist(), quantity.tolist(), strict=True):
        if key not in known:
            known[key] = _title(*key)
        out.append(known[key])
    return out


def _title(leaf_row: int, style: int, quantity: float) -> str:
    leaf = LEAVES[leaf_row]
    style_zh, style_en = STYLES[leaf.styles][style]
    en = leaf.en if leaf.en.startswith(("T-", "Pu'")) else leaf.en[0].lower() + leaf.en[1:]
    return f"{style_zh}{leaf.zh} {style_en} {en} {size_text(quantity, leaf.unit)}"
