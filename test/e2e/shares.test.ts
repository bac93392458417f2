import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { postJson } from '../helpers/callers/client.ts'
import { loginAnswer, startBackend } from '../helpers/peers/fake-backend.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker } from '../helpers/worker/app.ts'
import {
  ANN,
  codeOf,
  cookiesIn,
  makeShare,
  sharesOf,
  startWithLibrary,
} from '../http/shares/share.ts'

const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

function unlock(address: string, password: string, headers: Record<string, string> = {}) {
  return postJson(`${address}/password`, { password }, headers)
}

test('a password is asked for everything, and a cookie of this share alone keeps it', async () => {
  const { url } = await startWithLibrary({ env: { TRUST_PROXY: '1' } })
  const share = await makeShare(url, { items: [13, 12], password: 'Pässword' })
  const address = url + share.url
  const files = [address, `${address}/files/12`, `${address}/files/13/thumbnail`]

  for (const each of files) {
    expect(await codeOf(await fetch(each))).toEqual([401, 'SHARE_PASSWORD_NEEDED'])
  }
  const page = await fetch(address, { headers: PAGE })
  expect(page.status).toBe(200)
  expect(await page.text()).not.toMatch(/notes|files,/)
  expect(await codeOf(await unlock(address, 'password'))).toEqual([403, 'SHARE_PASSWORD_WRONG'])

  // The same letters, as another keyboard writes them.
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'worker.example' }
  const unlocked = await unlock(address, 'Pässword'.normalize('NFD'), forwarded)

  expect(unlocked.status).toBe(204)
  expect(unlocked.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      new RegExp(
        `^share_pass=\\d+\\.[\\w-]{43}; Path=${share.url}; Max-Age=86400; HttpOnly; SameSite=Strict; Secure$`,
      ),
    ),
  ])
  const pass = cookiesIn(unlocked)
  for (const each of files) expect((await fetch(each, { headers: pass })).status).toBe(200)
  const other = await makeShare(url, { items: [12], password: 'Pässword' })
  expect((await fetch(url + other.url, { headers: pass })).status).toBe(401)

  const { status } = await fetch(`${url}/shares/${share.id}`, {
    method: 'PATCH',
    headers: { ...ANN, 'content-type': 'application/json' },
    body: JSON.stringify({ password: 'Pässword' }),
  })
  expect(status).toBe(200)
  expect((await fetch(address, { headers: pass })).status).toBe(401)
})

test('of guesses at the same time ten are looked at, and a right one beyond them is none', async () => {
  const { url } = await startWithLibrary({ env: { TRUST_PROXY: '1' } })
  const share = await makeShare(url, { items: [12], password: 'right' })
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const guess = (password: string, address: string) =>
    unlock(url + share.url, password, { 'x-forwarded-for': address })

  const guesses = await Promise.all(
    Array.from({ length: 14 }, (_, at) => guess(`wrong ${at}`, '203.0.113.1')),
  )
  const right = await guess('right', '203.0.113.1')
  const elsewhere = await guess('right', '203.0.113.2')
  vi.advanceTimersByTime(60_000)

  const statuses = guesses.map(({ status }) => status).sort()
  expect(statuses).toEqual([...Array(10).fill(403), ...Array(4).fill(429)])
  expect([right.status, right.headers.get('retry-after')]).toEqual([429, '60'])
  expect(elsewhere.status).toBe(204)
  expect((await guess('right', '203.0.113.1')).status).toBe(204)
})

test('a share outlives the process, with its count, and not the login of its owner', async () => {
  const backend = await startBackend()
  const later = Math.floor(Date.now() / 1000) + 7200
  const tokenWith = (exp: number): string => {
    const claims = Buffer.from(JSON.stringify({ sub: 'ann', exp })).toString('base64url')
    const token = `eyJhbGciOiJIUzI1NiJ9.${claims}.c2lnbmF0dXJl`
    backend.logins.set(token, loginAnswer('ann'))
    return token
  }
  const token = tokenWith(later - 3600)
  const dataDir = await makeTempDir()
  const gateway = createFakeGateway()
  const options = { env: { BACKEND_URL: backend.url }, gateway, dataDir }
  const before = await startWorker(options)
  const sent = new FormData()
  sent.set('authToken', token)
  sent.set('file', new Blob(['notes']), 'notes.txt')
  const upload = await fetch(`${before.url}/upload`, { method: 'POST', body: sent })
  expect(upload.ok).toBe(true)
  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
  const [{ messageId = 0 } = {}] = gateway.posted
  const made = async (): Promise<Response> => {
    const wish = { items: [messageId], password: 'secret words', maxDownloads: 2, authToken: token }
    const answer = await postJson(`${before.url}/shares`, wish)
    expect(answer.status).toBe(201)
    return answer
  }
  const share = (await vi.waitFor(made).then((answer) => answer.json())) as {
    id: string
    url: string
    expiresAt: string
  }
  // The week that is asked for by default is longer than the login.
  expect(Date.parse(share.expiresAt)).toBe((later - 3600) * 1000)
  const pass = cookiesIn(await unlock(before.url + share.url, 'secret words'))
  expect((await fetch(before.url + share.url, { headers: pass })).status).toBe(200)

  await before.close()
  for (const file of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || file.name === 'ledger.key') continue
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const secret of [token, share.id, 'secret words']) expect(bytes).not.toContain(secret)
  }
  const after = await startWorker(options)
  expect((await fetch(after.url + share.url, { headers: pass })).status).toBe(200)
  expect((await fetch(after.url + share.url, { headers: pass })).status).toBe(410)

  // A newer login of the owner lets the share go on for longer.
  const newer = { authorization: `Bearer ${tokenWith(later)}` }
  const listed = await vi.waitFor(async () => {
    const [found] = await sharesOf(after.url, newer)
    expect(Date.parse(found?.expiresAt ?? '')).toBe(later * 1000)
    return found
  })
  expect(listed).toMatchObject({ state: 'used-up', downloads: 2 })
  await after.close()

  backend.logins.clear()
  const last = await startWorker(options)
  const ended = await fetch(last.url + share.url, { headers: pass })
  expect(await codeOf(ended)).toEqual([410, 'SHARE_ENDED'])
})
