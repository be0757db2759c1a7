"""What the columns and events of foreign logs are called, in the tongues we have met.

Names are compared without case, signs and accents: ``User-ID`` and ``user_id`` are ``userid``.
Here stand words only; which column is taken, and what its values must look like, is in ``guess``.
"""

import re
import unicodedata
from typing import Final

NAMES: Final = {
    "user": "user userid visitor visitorid customer customerid client clientid member memberid "
    "buyer buyerid account accountid uid userpseudoid distinctid anonymousid deviceid kunde "
    "kundenid kundennr kundennummer nutzer nutzerid benutzer benutzerid utilisateur usuario "
    "cliente",
    "item": "item itemid product productid sku article articleid asin goods goodsid itemno "
    "content contentid offer offerid listingid videoid artikel artikelid artikelnr artikelnummer "
    "produkt produktid produktnr produit produto producto",
    "event": "event eventtype eventname action actiontype behavior behaviour behaviortype "
    "behaviourtype interaction interactiontype activity verb type ereignis ereignistyp aktion "
    "vorgang evenement evento accion",
    "time": "time timestamp eventtime eventtimestamp ts datetime occurredat createdat at date "
    "eventat unixtime clienttime servertime receivedat zeitpunkt zeitstempel zeit datum uhrzeit "
    "horodatage fecha hora data",
    "id": "eventid eventuuid messageid insertid ereignisid uuid id",
    "item_type": "itemtype",
    "category": "categorycode categorypath category categoryname categoryid itemcategory cat "
    "department kategorie kategorieid warengruppe categorie categoria",
    "brand": "brand brandname brandid itembrand manufacturer marke hersteller marque marca",
    "price": "price pricecents priceincents pricecent unitprice itemprice saleprice amountcents "
    "amount preis preiscent stueckpreis einzelpreis betrag prix precio preco",
    "session": "session sessionid usersession visit visitid gasessionid sitzung sitzungsid sesion",
    "surface": "surface placement page screen pagetype widget seite bereich",
    "position": "position pos rank slot place platz",
    "request": "request requestid reqid impressionid recommendationid anfrage anfrageid",
    "propensity": "propensity propensityscore pscore probability",
    "country": "country countrycode land pays pais",
    "platform": "platform os devicetype device plattform geraet",
    "language": "language lang locale sprache langue idioma",
    "title": "title itemtitle itemname productname name titel bezeichnung artikelname titre",
    "text": "description text itemtext longdescription beschreibung texte descripcion descricao",
    "seller": "seller sellerid merchant merchantid shop shopid store storeid vendor vendorid "
    "verkaeufer verkaeuferid haendler haendlerid vendeur vendedor",
    "stock": "stock inventory bestand lagerbestand",
    "quantity": "quantity qty count menge anzahl stueckzahl quantite cantidad",
    "watch_ms": "watchms watchtimems watchedms playms playtimems",
    "duration_ms": "durationms lengthms videodurationms",
    "host": "host hostid streamer streamerid creator creatorid",
    "query": "query searchquery searchterm searchphrase keyword suchbegriff suche",
    "comment": "comment commenttext kommentar commentaire comentario",
}
"""For each column of a mapping its names, the likeliest first, written as ``plain`` does."""

_EVENTS: Final = {
    "impression": "impression impressions imp exposure exposed show shown display displayed "
    "viewitemlist viewpromotion productlistviewed gezeigt eingeblendet angezeigt ausgespielt",
    "view": "view views viewed pv pageview pageviews detail details detailview viewitem "
    "productview viewproduct itemview productviewed productdetail visit look open angesehen "
    "ansicht gesehen aufruf aufgerufen besucht vue visto vista",
    "click": "click clicks clicked clickitem itemclick productclick productclicked selectitem "
    "selectcontent tap klick geklickt angeklickt clic clique",
    "cart": "cart addtocart atc addcart cartadd addedtocart basket addtobasket bag addtobag "
    "productadded warenkorb inwarenkorb indenwarenkorb panier ajoutpanier carrito carrinho",
    "uncart": "uncart removefromcart removecart cartremove removedfromcart removefrombasket "
    "removefrombag productremoved ausdemwarenkorb auswarenkorb warenkorbentfernt",
    "order": "order orders ordered purchase purchased buy bought sale sold transaction conversion "
    "placeorder ordercompleted paid payment kauf kaufen gekauft bestellt bestellung achat achete "
    "compra comprado",
    "cancel": "cancel cancelled canceled cancellation refund refunded return returned "
    "ordercancelled orderrefunded storno storniert stornierung retoure zurueckgeschickt",
    "watch": "watch watched play played videoplay videowatch angeschaut abgespielt",
    "like": "like liked fav favor favorite favourite favorited wishlist wishlisted addtowishlist "
    "addtofavorites collect merken gemerkt merkliste merkzettel favorit gefaelltmir",
    "hide": "hide hidden dislike disliked notinterested dismiss dismissed ausgeblendet",
    "follow": "follow followed subscribe subscribed folgen gefolgt abonniert",
    "search": "search searched productssearched suche gesucht recherche busqueda",
    "comment": "comment comments commented kommentar kommentiert commentaire comentario",
}
"""For each event type the words that mean it and nothing else."""
_MEANINGS: Final = {word: kind for kind, words in _EVENTS.items() for word in words.split()}
_TELLING: Final = 4
"""Letters of a name that still means something inside a longer one: user, not os."""
_SPELLED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain(name: str) -> str:
    """Leave the letters and digits of a name: lower case, without accents."""
    spelled = unicodedata.normalize("NFKD", name.lower().translate(_SPELLED))
    return re.sub("[^a-z0-9]", "", spelled)


def rank(key: str, column: str) -> int | None:
    """Say how likely a column is one of a mapping's by its name: 0 is best, None is not at all.

    A nested column ``user.id`` is looked at as a whole and by its last part.
    """
    names = NAMES[key].split()
    whole, last = plain(column), plain(column.rpartition(".")[2])
    ranks = [names.index(name) for name in (whole, last) if name in names]
    return min(ranks, default=None)


def is_like(key: str, column: str) -> bool:
    """Say whether a column's name begins or ends with one of a mapping's longer names."""
    name = plain(column)
    return any(
        name.startswith(known) or name.endswith(known)
        for known in NAMES[key].split()
        if len(known) >= _TELLING
    )


def meaning(word: str) -> str | None:
    """Name the event type that a log's word means; None where it means none for certain."""
    return _MEANINGS.get(plain(word))
