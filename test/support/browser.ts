/**
 * A real Chromium for the pages: one for a test file, a fresh profile for each test; what its console and the policy for
 * scripts report is kept.
 */
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { testProgram } from '../../scripts/bootstrap/test-programs.ts'

const binary = await testProgram('chromium', process.env, console.log)

/** For a test's options. With CI set, what cannot be run is an error: the tests run, and fail at their start. */
export const skip = binary.path === undefined && !process.env['CI'] ? `NOT RUN: ${binary.why}` : false

export const phone = { width: 360, height: 740 } as const
export const desktop = { width: 1_280, height: 800 } as const

let browser: Promise<Browser> | undefined

after(async () => {
  await (await browser)?.close()
})

export type Opened = {
  readonly page: Page
  /** Everything that was refused, failed or written as an error, in words. */
  readonly reports: readonly string[]
  /** Whether the page as a whole can be scrolled sideways. */
  overflows(): Promise<boolean>
}

/** Opens an empty page; closed when the test ends. */
export async function openPage(t: TestContext, options: BrowserContextOptions = {}): Promise<Opened> {
  assert.ok(binary.path !== undefined, binary.path === undefined ? binary.why : '')
  browser ??= chromium.launch({ executablePath: binary.path })
  const context = await (await browser).newContext({ viewport: desktop, ...options })
  t.after(() => context.close())
  // Runs in every page before anything of its own does.
  await context.addInitScript(
    "document.addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))",
  )
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const reports: string[] = []
  page.on('console', (line) => {
    if (line.type() === 'error' || line.type() === 'warning') reports.push(line.text())
  })
  page.on('pageerror', (error) => reports.push(String(error)))
  page.on('dialog', (dialog) => {
    reports.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return {
    page,
    reports,
    overflows: async () => Boolean(await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')),
  }
}
