/** A phone number as it may stand in a log: `0912…01`. Extensions and other short ones stay whole. */
export function shortened(number: string | undefined): string | undefined {
  return number === undefined || number.length < 7 ? number : `${number.slice(0, 4)}…${number.slice(-2)}`
}
