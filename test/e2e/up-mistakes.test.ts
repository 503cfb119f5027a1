/**
 * What a person gets wrong, and what `up` says: one sentence with file and remedy each, before or while it runs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkout, nothingRuns, upEnv } from './up-checkout.ts'

const processor = (name: string, body: string) =>
  `import { defineProcessor } from '#bridge'\nexport default defineProcessor('${name}', (event, ctx) => {\n  ${body}\n})\n`

test('up, with wrong settings, names all of them at once and starts nothing', async (t) => {
  const { dir, run } = checkout(t)

  const up = run(['up'], await upEnv({ ATTEMPTS: '0', WEBHOOK_PATH: 'simotel', SIMOTEL_USERNAME: 'pbx' }))
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, /ATTEMPTS=0 is not accepted: give a whole number/)
  assert.match(up.output, /WEBHOOK_PATH=simotel is not accepted: give a path/)
  assert.match(up.output, /SIMOTEL_USERNAME is set and SIMOTEL_PASSWORD is not/)
  await nothingRuns(dir)
})

test('up, with processors that do not type-check, names file, word and remedy of each and starts nothing', async (t) => {
  const { dir, run, write } = checkout(t)
  write('workers/cdr.ts', processor('Cdr', 'ctx.log.info({ seconds: event.data.billedSecond })'))
  write('workers/state.ts', processor('NewSate', 'ctx.log.info(event.eventId)'))

  const up = run(['up'], await upEnv())
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(
    up.output,
    /^workers\/cdr\.ts does not type-check: line 3 uses billedSecond, which is not there \(did you mean billedSeconds\?\): correct the name\.$/m,
  )
  assert.match(
    up.output,
    /^workers\/state\.ts does not type-check: line 2 names the event NewSate, which Simotel does not have \(did you mean NewState\?\): correct the name\.$/m,
  )
  assert.match(up.output, /Nothing was started/)
  await nothingRuns(dir)
})

test('up, with a missing default export and two files for one event, names files and remedy and ends with 1', async (t) => {
  const { dir, run, write } = checkout(t)
  write('workers/none.ts', "export const answer = 'no processor'\n")
  write('workers/one.ts', processor('Cdr', 'ctx.log.info(event.eventId)'))
  write('workers/two.ts', processor('Cdr', 'ctx.log.info(event.eventId)'))

  const up = run(['up'], await upEnv())
  const code = await up.ended()

  assert.equal(code, 1, up.output)
  assert.match(up.output, /workers\/none\.ts has no default export: write `export default defineProcessor/)
  assert.match(up.output, /workers\/one\.ts and workers\/two\.ts are both for Cdr: keep one/)
  assert.match(up.output, /The worker did not start/)
  await nothingRuns(dir)
})

test('up, when a processor changes, restarts the worker; a mistake in it stops nothing', async (t) => {
  const { dir, run, write } = checkout(t)
  const up = run(['up'], await upEnv())
  await up.printed(/Try it/)
  const send = () => fetch(`http://127.0.0.1:${up.port}/simotel/Cdr?unique_id=1.5&src=991`)

  write('workers/cdr.ts', processor('Cdr', 'ctx.log.info({ seconds: event.data.nothing })'))
  await up.printed(/workers\/cdr\.ts does not type-check: line 3 uses nothing[\s\S]*What was running goes on/)
  assert.equal((await send()).status, 200)
  await up.printed(/event seen {2}Cdr/)
  write('workers/cdr.ts', processor('Cdr', "ctx.log.info('seen by the new one')"))
  await up.printed(/Restarting worker\.[\s\S]*worker ready/)
  assert.equal((await send()).status, 200)
  await up.printed(/seen by the new one {2}Cdr/)

  write('workers/cdr.ts', "export const answer = 'no processor'\n")
  await up.printed(/workers\/cdr\.ts has no default export[\s\S]*Correct this and save: it starts again then/)
  assert.equal((await send()).status, 200)
  write('workers/cdr.ts', processor('Cdr', "ctx.log.info('seen after the mistake')"))
  await up.printed(/seen after the mistake {2}Cdr/)
  up.kill('SIGINT')

  assert.equal(await up.ended(), 0, up.output)
  await nothingRuns(dir)
})
