"""The dials of the shop: what each of them does, and in which unit.

A version of the shop is a value of all of them (``simulator.config``).
"""

from dataclasses import dataclass, field

BySurface = tuple[float, float, float]
"""One number a surface, in the order of ``etl.surfaces.ALL``: products, live slots, videos."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldDials:
    """How much there is of everything, and how it is spread."""

    videos_per_root_product: float = 22.36
    """Short videos for each square root of the number of products: 1,225 of 3,000."""
    slots_per_root_product: float = 8.944
    """Live slots for each square root of the number of products: 490 of 3,000, 2,000 of 50,000."""
    slots_per_host: float = 6.0
    """Live slots that one host has in a week, on average."""
    topics_per_root_product: float = 0.73
    """Topics for each square root of the number of products: 40 of 3,000, 163 of 50,000."""
    topic_skew: float = 0.5
    """Popularity of the topic at place n is (n + 3) ^ −skew: 0 for topics that are all alike."""
    births_per_day: float = 0.005
    """New items a day, as a share of those at the start."""
    style_dims: int = 6
    """Dimensions in which items have a style and users a taste."""
    appeal_spread: float = 0.5
    """Standard deviation between topics of what their items' quality has in common, in logits."""
    quality_spread: float = 0.7
    """Standard deviation of items' quality within a topic, in logits of a click."""
    price_median_cents: float = 2500.0
    """Median price of the median topic."""
    price_spread_topics: float = 0.8
    """Standard deviation of log price between topics."""
    price_spread_items: float = 0.5
    """Standard deviation of log price within a topic."""
    stock_mean: float = 60.0
    """Pieces of a product after it was restocked, on average (geometric)."""
    foreign_share: float = 0.12
    """Items whose title and text are written in another language's words."""
    unknown_share: float = 0.02
    """Users whose country the app does not know; likewise platform, and language."""
    bot_share: float = 0.002
    """Users who are bots; there is at least one."""
    joining_share: float = 0.15
    """Users who come for the first time on one of the first 60 days."""
    num_interests: int = 5
    """Most long-term interests a user may have; the least is 2."""
    interest_first: float = 1.9
    """Strength of a user's first long-term interest, in logits of a click, on average."""
    interest_decay: float = 0.85
    """Each further interest's strength as a share of the one before."""
    latent_mean: float = 1.5
    """Latent interests a user has on average, 1 or 2: the old policy never lists their topics."""
    latent_strength: float = 1.5
    """Strength of a latent interest, in logits of a click, on average."""
    sister_share: float = 0.5
    """Latent interests in the sister topic of a long-term one: others' clicks tell of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TasteDials:
    """What attracts: all weights are logits of p(click | examined) unless said otherwise."""

    base: BySurface = (-4.05, -3.9, -4.5)
    """Of an average item of no interest."""
    quality_weight: BySurface = (1.0, 0.8, 0.8)
    """Of an item's quality."""
    affinity_weight: BySurface = (1.0, 1.3, 1.3)
    """Of what a user feels for an item's topic."""
    style_weight: float = 0.75
    """Of taste · style, both of length 1."""
    price_weight: float = 0.15
    """Of the squared price distance, in spreads of the topic, times the user's sensitivity."""
    freshness: BySurface = (0.25, 0.0, 0.6)
    """Of a new-born item, halved every ``freshness_days``."""
    freshness_days: float = 3.0
    """Half-life of freshness."""
    cross_spread: float = 0.2
    """Standard deviation of the weight of country × department and platform × department."""
    language_own: float = 0.35
    """Of an item in words of another alphabet, for users of its language."""
    language_foreign: float = -0.6
    """Of such an item for everybody else."""
    follow_weight: float = 0.8
    """Of an item by a host whom the user follows."""
    discount_weight: float = 0.35
    """Of an item on sale, times the user's price sensitivity."""
    intent_strength: float = 1.6
    """Of a topic that the user has a short-term intent for."""
    succession_spread: float = 0.8
    """Standard deviation between pairs of topics of what the topic of a user's last click adds to
    another topic."""
    succession_dims: int = 3
    """Numbers of a topic's place among those that were left, and among those that are gone to."""
    renown_spread: float = 0.7
    """Standard deviation of what an item's maker is to the people of a country, a platform and a
    language; a maker is a product's brand and seller, and whoever hosts all else."""
    renown_dims: int = 3
    """Numbers of a maker's name among people."""
    cart_base: BySurface = (-2.9, -2.75, -3.4)
    """Logit of p(cart | click) of an average item."""
    order_base: BySurface = (-1.6, -1.4, -0.75)
    """Logit of p(order | cart) of an average item."""
    conversion_affinity: float = 0.25
    """Of the user's affinity to the topic in the logit of p(cart | click)."""
    conversion_quality: float = 0.6
    """Of quality in the logits of p(cart | click) and p(order | cart)."""
    conversion_price: float = 0.2
    """Of the squared price distance in the logit of p(cart | click)."""
    watch_base: float = 0.0
    """Logit of the expected share watched of an average video of 20 s."""
    watch_affinity: float = 0.45
    """Of affinity in the logit of the expected share watched."""
    watch_length: float = 0.35
    """Of each doubling of a video's length."""
    watch_concentration: float = 4.0
    """Concentration of the beta distribution of the share watched: higher is less noisy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeDials:
    """How users and catalogue change from day to day."""

    num_intents: int = 2
    """Intents that a user may have at a time."""
    intent_start: float = 0.1
    """Probability a day that a free place takes up a new intent."""
    intent_end: float = 0.3
    """Probability a day that an intent ends."""
    intent_followed: float = 0.65
    """Probability that an ended intent's place goes to one of the topics that follow its own."""
    intent_of_interest: float = 0.5
    """New intents out of long-term interests; the others follow the topics' popularity."""
    taste_drift: float = 0.08
    """How far a user's taste moves towards the mean style of a day's clicks."""
    price_changes: float = 0.01
    """Products whose price changes a day."""
    price_step: float = 0.12
    """Standard deviation of a change in log price."""
    restock: float = 0.35
    """Probability a day that a sold-out product comes back."""
    sale_every_days: int = 14
    """Days from one sale to the next: at 14 they are the shop's days 13, 27, …"""
    sale_share: float = 0.2
    """Products on sale on such a day."""
    sale_discount: float = 0.2
    """By which their price is cut."""
    sale_activity: float = 1.6
    """Sessions on such a day, relative to another."""
    opt_out: float = 0.0006
    """Probability that a user of the day switches personalisation off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VisitDials:
    """How users come, look, and act."""

    sessions_per_day: float = 0.55
    """A user's sessions a day, on average."""
    activity_spread: float = 0.9
    """Standard deviation of the log of a user's activity."""
    weekday_activity: tuple[float, ...] = (0.92, 0.9, 0.92, 0.96, 1.04, 1.16, 1.1)
    """Sessions of Monday … Sunday, relative to the week's mean."""
    visits: BySurface = (0.95, 0.45, 0.4)
    """Probability that a session visits a surface."""
    further_page: BySurface = (0.55, 0.0, 0.5)
    """Probability that a visit asks for one more page, again and again."""
    page_size: tuple[int, int, int] = (12, 20, 8)
    """Items of a page, most; web users see 1.5 times as many products."""
    search: float = 0.12
    """Probability that a session searches."""
    search_click: float = 0.5
    """Probability that a search is followed by an organic click."""
    organic_order: float = 0.06
    """p(order | organic click); a cart comes before it."""
    read_seconds: float = 1.2
    """Time to look at one item, on average."""
    dwell_seconds: float = 25.0
    """Time on a clicked product, median (lognormal)."""
    like: float = 0.05
    """p(like | click)."""
    comment: float = 0.015
    """p(comment | click)."""
    follow: float = 0.02
    """p(follow his host | click), where he has one who is not followed yet."""
    hide: float = 0.004
    """p(hide | examined, not clicked) of an item of no attraction at all."""
    two_pieces: float = 0.1
    """Carts of two pieces; the others are of one."""
    order_soon: float = 0.6
    """Orders placed within minutes; the rest comes hours or days later."""
    order_days_max: float = 4.0
    """Latest order after its click."""
    cancel: float = 0.06
    """Orders that are cancelled."""
    cancel_days_max: float = 2.5
    """Latest cancel after its order."""
    bot_sessions: int = 40
    """A bot's sessions on a day on which it runs."""
    bot_pages: int = 7
    """Requests of each of them."""
    bot_days: float = 0.5
    """Share of days on which a bot runs."""
    bot_click: float = 0.03
    """A bot's p(click) on anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyDials:
    """The old policy, and what slates look like."""

    slate_sizes: tuple[int, int, int] = (50, 20, 100)
    """Places of a slate."""
    rate: float = 0.2
    """Probability of the coin that gives a place to chance."""
    pool_size: int = 64
    """Items that chance draws from."""
    missed_interests: float = 0.25
    """Long-term interests that the old policy does not know of."""
    strength_noise: float = 0.35
    """Standard deviation of the log of an interest's strength as the old policy knows it."""
    interest_weight: float = 0.8
    """Of that strength beside the log of popularity."""
    rotation: float = 1.0
    """Standard deviation of what moves an item's score from user to user and day to day."""
    num_of_topic: tuple[int, int, int] = (12, 12, 20)
    """Most popular items listed of each known interest."""
    num_of_all: tuple[int, int, int] = (56, 24, 56)
    """Most popular items listed whatever their topic."""
    prior_users: float = 8.0
    """Added to the distinct users of an item, so that new ones are ever listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What a click brings on, in units of one click. Named as the product names it."""

    click_value: float = 1.0
    """Worth of a click on any surface."""
    order_value: float = 5.0
    """Worth of an order (products, live slots) or of a cart (videos), on top of its click."""
    watch_value: float = 1.0
    """Worth of a video watched to its end, on top of its click."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dials:
    """One version of the shop."""

    world: WorldDials = field(default_factory=WorldDials)
    taste: TasteDials = field(default_factory=TasteDials)
    change: ChangeDials = field(default_factory=ChangeDials)
    visit: VisitDials = field(default_factory=VisitDials)
    policy: PolicyDials = field(default_factory=PolicyDials)
    worth: Worth = field(default_factory=Worth)
