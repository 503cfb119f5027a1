/**
 * Self times in a CPU profile of V8: by function, and by file or package. Pure.
 */

export type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  /** Microseconds from the sample before to each sample. */
  readonly timeDeltas: readonly number[]
}

export type SelfTimes = {
  /** `name  place:line`, of a package with its file -> microseconds. */
  readonly functions: ReadonlyMap<string, number>
  readonly places: ReadonlyMap<string, number>
  /** All but idle. */
  readonly busyMicroseconds: number
}

export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTimes {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  let busyMicroseconds = 0
  samples.forEach((id, index) => {
    const frame = frames.get(id)
    // What a sample saw went on until the next one.
    const time = timeDeltas[index + 1] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') return
    const place = placeOf(frame.url)
    const name = frame.functionName || '(anonymous)'
    const whole = frame.url === '' ? name : `${name}  ${inPlace(place, frame.url)}:${frame.lineNumber + 1}`
    busyMicroseconds += time
    functions.set(whole, (functions.get(whole) ?? 0) + time)
    places.set(frame.url === '' ? name : place, (places.get(frame.url === '' ? name : place) ?? 0) + time)
  })
  return { functions, places, busyMicroseconds }
}

/** The package, the file of this project, or the part of Node. */
function placeOf(url: string): string {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (name !== undefined) return name
  const [, file] = /\/dist\/(.+)$/.exec(url) ?? []
  return file ?? url
}

/** A package is too large a place for a function: its file stands behind it. */
function inPlace(place: string, url: string): string {
  return url.includes('/node_modules/') ? `${place} ${url.slice(url.lastIndexOf('/') + 1)}` : place
}
