"""The words of the shop: what departments sell, how styles are called, what people say.

Texts only; who puts them together is ``simulator.world.texts``. Every noun is a topic of its
department.
"""

from typing import Final

DEPARTMENTS: Final[dict[str, str]] = {
    "kitchen": "kettle skillet teapot grinder toaster knife cutting-board wok casserole whisk "
    "blender scale jar apron corkscrew mortar steamer",
    "home": "lamp cushion curtain rug mirror vase candle clock blanket shelf basket hammock "
    "doormat frame lantern quilt stool",
    "garden": "planter shovel hose trellis birdhouse rake seeds parasol sprinkler wheelbarrow "
    "greenhouse secateurs compost bench fountain fire-bowl gloves",
    "clothing": "jacket sweater shirt dress trousers scarf socks coat skirt hoodie jeans pyjamas "
    "cardigan vest kimono leggings raincoat",
    "shoes": "sneakers boots sandals slippers loafers clogs pumps trainers wellies espadrilles "
    "moccasins heels laces insoles brogues mules skates",
    "beauty": "shampoo soap perfume lipstick serum mascara balm razor comb sponge polish "
    "sunscreen clay-mask hairbrush lotion eyeliner bath-salt",
    "sports": "dumbbell yoga-mat racket football helmet tent backpack kayak surfboard rope "
    "compass bicycle skis swimsuit darts snorkel jump-rope",
    "toys": "puzzle blocks doll kite marbles train robot drum plush yo-yo chess dominoes rocket "
    "spinning-top dollhouse slime puppet",
    "electronics": "headphones speaker keyboard camera charger router projector drone microphone "
    "monitor tablet radio turntable lens powerbank webcam amplifier",
    "pantry": "coffee tea honey olive-oil chocolate noodles spices jam nuts vinegar granola miso "
    "pickles syrup biscuits rice saffron",
}
"""For each department its topics, most to come first."""

ASPECTS: Final[dict[str, str]] = {
    "kitchen": "cast-iron enamel steel bamboo non-stick dishwasher-safe",
    "home": "woven oak brass ceramic cotton dimmable",
    "garden": "weatherproof terracotta galvanised rustproof foldable perennial",
    "clothing": "linen merino organic padded pleated knitted",
    "shoes": "leather suede waterproof vegan cushioned canvas",
    "beauty": "fragrance-free rose aloe matte hydrating mineral",
    "sports": "lightweight carbon junior waterproof training professional",
    "toys": "wooden magnetic musical glow-in-the-dark classic hand-painted",
    "electronics": "wireless bluetooth usb-c portable noise-cancelling 4k",
    "pantry": "single-origin organic roasted fair-trade smoked wholegrain",
}
"""Words that any item of a department may carry."""

POLES: Final = (
    ("minimal", "ornate"),
    ("vintage", "futuristic"),
    ("pastel", "neon"),
    ("rustic", "polished"),
    ("playful", "formal"),
    ("nordic", "tropical"),
)
"""Of each dimension of style the words for its two ends."""

COUNTRIES: Final = ("DE", "GB", "FR", "PL", "GR", "JP", "BR", "EG")
LANGUAGES: Final = ("en", "de", "fr", "pl", "el", "ja", "pt", "ar")
NATIVE: Final = (1, 0, 2, 3, 4, 5, 6, 7)
"""For each country the language most of its users read."""
UTC_OFFSET_HOURS: Final = (1, 0, 1, 1, 2, 9, -3, 2)
"""For each country how far its clocks are ahead of UTC."""
COUNTRY_SHARES: Final = (0.24, 0.2, 0.14, 0.12, 0.08, 0.1, 0.08, 0.04)
PLATFORMS: Final = ("ios", "android", "web")
PLATFORM_SHARES: Final = (0.38, 0.44, 0.18)

SYLLABLES: Final[dict[str, str]] = {
    "en": "ar bel cor dan el fen gar hol il jun kel lor mar nor ol per quin ros sel tam",
    "de": "grün schön bröt für häus mäd wöl stür kräf zwölf bäum lüft käst düf",
    "fr": "crè fleu beau œuv châ tré nuit rê pé gla bri çal lou mê",
    "pl": "łą ćwi żół śni dzię ź trze ków szy gęś mło ró ńsk cię",
    "el": "κα λο θε ρι μα νο πε στρ φω ξυ γη ψα δου χι",
    "ja": "さ く ら や ま ね こ み ず 茶 花 月 風 木",
    "pt": "flo ção pão mã lu bri sa vê ão ré nho lha cor í",
    "ar": "نو ري با قم ور دة شا مس بح ليل زه را سك هد",
}
"""Of each language what its invented words are made of."""

OPENINGS: Final = (
    "Love this {0}!",
    "The {0} is smaller than I thought.",
    "is the {0} back in stock soon?",
    "Best {0} ever 😍",
    "My {0} broke after two days :(",
    "Very {0}, very good",
    'She said: "buy the {0}"',
    "como se usa el {0}?",
    "素敵な {0} ですね",
    "Schöne {0}, schnelle Lieferung",
    "{0}\n10/10 would buy again",
    "ok {0} \\o/",
    "Ωραίο {0}",
    "رائع {0}",
)
"""Comments, {0} being a word of the item."""

SECONDS: Final = ("", "cheap", "gift", "for women", "for men", "small", "xl", "sale", "set")
"""What searches put behind a topic's word."""
