"""Words before a number that say that it is no person's, in seven languages."""

import re

_THINGS = (
    "order|purchase order|po|tracking|parcel|shipment|invoice|ticket|case|ref|reference|"
    "transaction|serial|model|sku|item|part|article|product|batch|confirmation|booking|"
    "bestellung|auftrag|rechnung|artikel|teil|sendung|commande|facture|pedido|factura|"
    "ordine|fattura|bestelling|factuur|encomenda|zam\u00f3wienie"
)
_OF_A_THING = re.compile(
    rf"(?<!\w)(?:{_THINGS})(?:s?nummer|snr|-?nr)?\W{{0,3}}"
    r"(?:(?:number|no|nr|num|code|id|is|was|n\u00ba|n\u00b0)\W{0,3}){0,2}$",
    re.IGNORECASE,
)
_BEFORE = 40  # signs


def is_of_a_thing(text: str, start: int) -> bool:
    """Return whether what begins there is said to be the number of an order or the like.

    >>> is_of_a_thing("Order no. 12345678Z", 10), is_of_a_thing("my DNI is 12345678Z", 10)
    (True, False)
    """
    return _OF_A_THING.search(text[max(0, start - _BEFORE) : start]) is not None
