"""Finding messages by the ids that their clients know: their own in some form, a short one, or one of several messages.

It must never know by which door a client asks.
"""

from chappe.clients.short_ids import range_meant, range_of_group
from chappe.clients.translate import ids_meant
from chappe.model.lifecycle import Direction
from chappe.store.port import Life, Store


async def find_known(store: Store, client: str, text: str, id_form: str, now_ms: int) -> list[Life]:
    """The client's messages that an id means: one, those that were handed in at once, or none.  Raises: StoreAway."""
    for message_id in ids_meant(text, id_form):
        life = await store.find(message_id)
        if life is None or not _is_of(life, client):
            continue
        if life.message is not None and life.message.known_as == text:
            return await store.known_as(client, text, *range_of_group(message_id)) or [life]
        return [life]
    for from_id, below_id in range_meant(text, now_ms):
        lives = await store.known_as(client, text, from_id, below_id)
        if lives:
            return lives
    return []


def _is_of(life: Life, client: str) -> bool:
    message = life.message
    return message is not None and message.client == client and message.direction is Direction.MT
