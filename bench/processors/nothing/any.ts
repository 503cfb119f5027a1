/** Every event: nothing is done. */
import { defineProcessor } from '#bridge'

export default defineProcessor('*', () => {})
