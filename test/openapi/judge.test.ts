import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import type { TestProject } from 'vitest/node'
import { startWorker } from '../helpers/worker/app.ts'
import { setup } from './global-setup.ts'
import { createJudge, type Judge, type RecordedAnswer } from './judge.ts'
import { DOCUMENT_FILE } from './recorder.ts'
import { servedDocument } from './served.ts'

/** The judgement after the whole suite, let loose on what is planted for it. */

const PROGRESS = {
  uploadId: 'a',
  status: 'uploading',
  progress: 5,
  phase: 'queued',
  error: null,
  reason: null,
  messageId: null,
  fileId: null,
  sha256: null,
  retryAfter: null,
}

const GOOD: RecordedAnswer = {
  test: 'planted',
  method: 'GET',
  path: '/upload-progress/a?token=b',
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', vary: 'Accept' },
  body: JSON.stringify(PROGRESS),
}

const refusal = (status: number, code: string, more = {}) => ({
  status,
  body: JSON.stringify({ error: 'No', code, ...more }),
})

test.each<[string, Partial<RecordedAnswer>]>([
  ['a documented answer', {}],
  ['a documented refusal', refusal(404, 'UPLOAD_NOT_FOUND', { hint: 'Add it again' })],
  ['events with documented data', { ...events(PROGRESS) }],
  ['a refused call that is not documented', { path: '/else', ...refusal(404, 'NOT_FOUND') }],
  ['a preflight', { method: 'OPTIONS', path: '/upload', status: 204, body: null }],
  ['the head of a documented answer', { method: 'HEAD', path: '/health', body: null }],
  ['a client that has left', { status: 499, body: '?' }],
  ['a page of the documentation', { path: '/docs/static/index.css', body: null }],
])('%s passes', async (_case, deviation) => {
  const judge = await judgeOfWorker()

  expect(judge({ ...GOOD, ...deviation })).toBeNull()
})

test.each<[string, Partial<RecordedAnswer>, RegExp]>([
  ['a status', { status: 418 }, /the status 418, which is not documented/],
  ['a field', { body: JSON.stringify({ ...PROGRESS, secret: 1 }) }, /additional properties secret/],
  ['a missing field', { body: JSON.stringify({ ...PROGRESS, phase: undefined }) }, /'phase'/],
  [
    'a value',
    { body: JSON.stringify({ ...PROGRESS, progress: 101 }) },
    /\/progress must be <= 100/,
  ],
  ['an event', events({ ...PROGRESS, status: 'gone' }), /\/status must be equal to one of/],
  ['a type', { headers: { 'content-type': 'text/html' } }, /the type text\/html/],
  ['a code of another status', refusal(404, 'BUSY'), /\/code must be equal to one of/],
  ['a field of a refusal', refusal(404, 'UPLOAD_NOT_FOUND', { path: '/tmp' }), /path/],
  ['a header', { headers: { ...GOOD.headers, etag: '"1"' } }, /the header etag/],
  ['half a body', { body: '{"uploadId":' }, /no JSON/],
  ['a call', { path: '/else' }, /a call that is not documented/],
  ['a refusal of such a call', { path: '/else', status: 404, body: '{}' }, /'error'/],
])('%s that is not documented is found', async (_case, deviation, said) => {
  const judge = await judgeOfWorker()

  expect(judge({ ...GOOD, ...deviation })).toMatch(said)
})

test('the run fails and names the call when a worker has sent an undocumented answer', async () => {
  let folder = ''
  const provide = (_name: string, value: string): void => {
    folder = value
  }
  const teardown = await setup({ provide } as unknown as TestProject)
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, DOCUMENT_FILE), JSON.stringify(await servedDocument()))
  const lines = [GOOD, { ...GOOD, status: 418 }].map((answer) => `${JSON.stringify(answer)}\n`)
  await appendFile(join(folder, '1.answers'), lines.join(''))

  await expect(teardown()).rejects.toThrow(
    /^1 answers are not.*\nGET \/upload-progress\/a 418: the status 418.*\(planted\)$/,
  )
})

test('the answers of a worker are recorded for the check', async () => {
  const { url } = await startWorker()

  await fetch(`${url}/upload-status/kept`)

  const names = await readdir(inject('answersDir'))
  expect(names).toContain(DOCUMENT_FILE)
  const text = await readFile(join(inject('answersDir'), `${process.pid}.answers`), 'utf8')
  const answers: RecordedAnswer[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(answers.find(({ path }) => path === '/upload-status/kept')).toMatchObject({
    test: expect.stringContaining('openapi/judge.test.ts: the answers of a worker are recorded'),
    method: 'GET',
    status: 404,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: expect.stringContaining('"code":"UPLOAD_NOT_FOUND"'),
  })
})

async function judgeOfWorker(): Promise<Judge> {
  return createJudge(await servedDocument())
}

function events(progress: object): Partial<RecordedAnswer> {
  return {
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    body: `retry: 2000\n\nid: queued-5\ndata: ${JSON.stringify(progress)}\n\n:\n\n`,
  }
}
