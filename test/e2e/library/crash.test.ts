import { Api, InputFile } from 'node-telegram-bot-api'
import type { Emulator } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { createRandom, type Random } from '../../chaos/random.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess } from '../../helpers/worker/worker-process.ts'

/** `LIBRARY_ROUNDS=100 CHAOS_SEED=7 npx vitest run test/e2e/library/crash` plays more, and others. */
const ROUNDS = Number(process.env.LIBRARY_ROUNDS ?? 4)
const SEED = Number(process.env.CHAOS_SEED ?? 20)
const FILES = 600
const AUTHORIZATION = { authorization: 'Bearer main' }

test.each(['user', 'bot'] as const)(
  'a worker that is killed while it reads the channel of a %s, which changes meanwhile, agrees with it in the end',
  async (way) => {
    const random = createRandom(SEED)
    const telegram = await startTelegram()
    const app = createApp(telegram)
    await app.post(FILES)
    // A page takes some time, so that deaths come between pages and within them.
    telegram.settings.change({ latencyMs: 10 })
    const dataDir = await makeTempDir()
    const env = way === 'bot' ? asBot(telegram) : {}
    for (let round = 0; round < ROUNDS; round++) {
      const worker = await startWorkerProcess(telegram, dataDir, env)
      await rescan(worker.url)
      await Promise.all([sleep(random.whole(0, 400)), app.change(random)])
      await worker.stop('SIGKILL')
      await app.change(random)
    }
    const worker = await startWorkerProcess(telegram, dataDir, env)
    const startedAt = Date.now()

    await rescan(worker.url)
    await vi.waitFor(
      async () => {
        const { sync } = await list(worker.url, '')
        expect(sync).toMatchObject({ state: 'current' })
        expect(Date.parse(sync.at ?? '')).toBeGreaterThan(startedAt)
      },
      { timeout: 60_000, interval: 50 },
    )

    const channel = await telegram.messages(telegram.account.channelId)
    const expected = channel.map(({ id, caption, size }) => `${id} ${nameIn(caption)} ${size}`)
    expect(await listAll(worker.url)).toEqual(expected.sort())
  },
  60_000 + ROUNDS * 30_000,
)

interface Listing {
  items: { messageId: number; fileName: string; size: number }[]
  next: string | null
  sync: { state: string; at: string | null }
}

async function rescan(url: string): Promise<void> {
  const init = { method: 'POST', headers: AUTHORIZATION }
  expect((await fetch(`${url}/library/rescan`, init)).status).toBe(202)
}

async function list(url: string, query: string): Promise<Listing> {
  const answer = await fetch(`${url}/library?${query}`, { headers: AUTHORIZATION })
  expect(answer.status).toBe(200)
  return answer.json()
}

/** Every file of the library, whatever its folder. */
async function listAll(url: string): Promise<string[]> {
  const files: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const { items, next } = await list(url, `recursive=true&limit=500${after}`)
    files.push(...items.map((file) => `${file.messageId} ${file.fileName} ${file.size}`))
    cursor = next
  }
  return files.sort()
}

/** A person who posts, renames and deletes in an app. */
function createApp(telegram: Emulator) {
  const { account, botApi } = telegram
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const chat_id = account.channelId
  let posted = 0
  let source: number | null = null

  async function post(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const caption = captionOf(posted++)
      if (source !== null) {
        await api.copyMessage({ chat_id, from_chat_id: chat_id, message_id: source, caption })
        continue
      }
      const document = new InputFile(Buffer.alloc(7, 1), { filename: 'file.bin' })
      source = (await api.sendDocument({ chat_id, document, caption })).message_id
    }
  }

  return {
    post,
    /** Some of each, at random. */
    change: async (random: Random) => {
      const messages = await telegram.messages(chat_id)
      const pick = (): number => messages[random.whole(0, messages.length - 1)]?.id ?? 0
      await post(3)
      for (let n = 0; n < 5; n++) {
        const edit = { chat_id, message_id: pick(), caption: captionOf(posted++) }
        await api.editMessageCaption(edit)
      }
      const message_ids = [pick(), pick(), pick()].filter((id) => id !== source)
      await api.deleteMessages({ chat_id, message_ids: [...new Set([...message_ids, 1_000_000])] })
    },
  }
}

function captionOf(n: number): string {
  return `#telestore v=1 id=${n.toString(16).padStart(32, '0')} name=file${n}`
}

function nameIn(caption: string): string {
  return / name=(\S+)/.exec(caption)?.[1] ?? ''
}

function asBot({ account }: Emulator): Record<string, string> {
  return { TELEGRAM_SESSION: '', TELEGRAM_BOT_TOKEN: account.botToken ?? '' }
}
