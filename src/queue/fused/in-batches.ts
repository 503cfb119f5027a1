/**
 * In batches: what is asked for one by one goes to Redis many at a time. A call costs Redis and this process about as much
 * for twenty events as for one.
 */

export type BatchOptions<Item> = {
  /** Most of them in one call, so that a script stays short. */
  readonly most: number
  /** Most of what they weigh together; one alone may weigh more. Default: any. */
  readonly mostWeight?: number
  weigh?(item: Item): number
  /**
   * Calls on their way at a time. What comes while there are so many goes with the next, and is refused with one that fails. Default:
   * any, so what comes in one turn of the loop goes out together, and waits for no answer.
   */
  readonly callsAtATime?: number
  /** Whether nothing more will come in this turn of the loop: what is handed in goes at once. Default: one never knows. */
  isLast?(): boolean
}

type Waiting<Item, Answer> = {
  readonly item: Item
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** Asks `send` for what is handed in. `send` answers for each, in its order, with an Error for what is refused; it may reject for all. */
export function inBatches<Item, Answer>(
  send: (batch: readonly Item[]) => Promise<readonly (Answer | Error)[]>,
  {
    most,
    mostWeight = Number.POSITIVE_INFINITY,
    weigh = () => 0,
    callsAtATime = Number.POSITIVE_INFINITY,
    isLast = () => false,
  }: BatchOptions<Item>,
): (item: Item) => Promise<Answer> {
  const waiting: Waiting<Item, Answer>[] = []
  let isTold = false

  const next = (): Waiting<Item, Answer>[] => {
    let weight = 0
    const isOver = ({ item }: Waiting<Item, Answer>, at: number) => {
      weight += weigh(item)
      return at >= most || (at > 0 && weight > mostWeight)
    }
    const end = waiting.findIndex(isOver)
    return waiting.splice(0, end === -1 ? waiting.length : end)
  }

  /** Resolves with the error if all of it was refused. Never rejects. */
  const settle = async (batch: readonly Waiting<Item, Answer>[]): Promise<unknown> => {
    try {
      const answers = await send(batch.map(({ item }) => item))
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index]
        if (answer === undefined || answer instanceof Error) reject(answer ?? new Error('Redis gave no answer'))
        else resolve(answer)
      }
      return undefined
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return error
    }
  }

  let calls = 0
  const sendAll = () => {
    isTold = false
    while (waiting.length > 0 && calls < callsAtATime) {
      calls += 1
      void settle(next()).then(ended)
    }
  }

  const ended = (refused: unknown) => {
    calls -= 1
    // What waited behind has waited long enough.
    if (refused !== undefined) for (const { reject } of waiting.splice(0)) reject(refused)
    if (!isTold) sendAll()
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (isLast()) return sendAll()
      if (isTold || calls >= callsAtATime) return
      isTold = true
      // At the end of this turn of the loop, so that what comes in the same turn goes out together.
      setImmediate(sendAll)
    })
}
