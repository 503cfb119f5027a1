/**
 * Tables of results: for the terminal, or as Markdown for docs/performance.md. Pure.
 */
import type { CaseResult, RowResult } from './result.ts'
import { type Spread, spreadOf } from './statistics.ts'

const heading = ['case', 'reference', 'this bridge', 'ratio', 'target', 'reached']

/** One line a row of every case. */
export function tableOf(results: readonly CaseResult[], isMarkdown: boolean): string {
  return layOut([heading, ...results.flatMap(({ rows }) => rows.map(cellsOf))], isMarkdown)
}

/** Every figure of every side of one case, with its spread, and its ratio to the first side. */
export function sidesOf({ sides }: CaseResult, isMarkdown: boolean): string {
  const [[, first = {}] = []] = Object.entries(sides)
  const lines = Object.entries(sides).flatMap(([side, figures]) =>
    Object.entries(figures).map(([figure, spread]) => {
      const base = first[figure]?.median ?? 0
      return [side, figure, withSpread(spread), base === 0 ? '' : numberText(spread.median / base)]
    }),
  )
  return layOut([['side', 'figure', 'median (least to most)', 'ratio to the first'], ...lines], isMarkdown)
}

/** Above this many cores that others use, a run is worth little. */
const quietCores = 0.1

/** How busy the machine was with what is not the bench. */
export function othersOf(results: readonly CaseResult[]): string {
  if (results.length === 0) return ''
  const { min, max } = spreadOf(results.map(({ otherCores, stolenCores }) => otherCores + stolenCores))
  const advice = max > quietCores ? ' That is too much: measure again on a quiet machine.' : ''
  return `Meanwhile other processes and the host of the machine used ${min.toFixed(2)} to ${max.toFixed(2)} cores, a case in the median.${advice}\n`
}

function cellsOf(row: RowResult): string[] {
  const { label, unit, reference, referenceFigure, figure, comparison, target, isReached } = row
  return [
    label,
    reference === undefined || referenceFigure === undefined
      ? '-'
      : `${reference} ${withSpread(referenceFigure)} ${unit}`,
    `${withSpread(figure)} ${unit}`,
    comparison === undefined ? '-' : numberText(comparison.ratio),
    'least' in target ? `at least ${numberText(target.least)}` : `at most ${numberText(target.most)}`,
    isReached ? 'yes' : 'no',
  ]
}

function withSpread({ median, min, max }: Spread): string {
  return min === max ? numberText(median) : `${numberText(median)} (${numberText(min)} to ${numberText(max)})`
}

/** Three digits that mean something. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '?'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}

/** Columns side by side; the first line is the heading. */
export function layOut(lines: readonly (readonly string[])[], isMarkdown: boolean): string {
  const [head = []] = lines
  if (isMarkdown) {
    const all = [head, head.map(() => '---'), ...lines.slice(1)]
    return all.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
  }
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
