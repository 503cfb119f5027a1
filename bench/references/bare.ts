/** The limit: an edge that keeps nothing. */
import { startEdge } from './edge.ts'

await startEdge(() => undefined)
