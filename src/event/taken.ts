/**
 * How an event was taken, for those who count and trace: told from what enqueue answers. Imports nothing.
 */

/** A repeat of a delivery before; in the spool, where it has no sequence yet; or taken straight. */
export function takenAs(enqueued: { readonly isNew: boolean; readonly sequence: number }) {
  if (!enqueued.isNew) return 'duplicate'
  return enqueued.sequence === 0 ? 'spooled' : 'taken'
}
