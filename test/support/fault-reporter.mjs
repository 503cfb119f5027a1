/** The reporter of fault-reporter.ts for a runner that cannot read TypeScript before its reporters are there. */
import { register } from 'tsx/esm/api'

register()
const { default: report } = await import('./fault-reporter.ts')
export default report
