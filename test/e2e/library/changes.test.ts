import { createHash, randomBytes } from 'node:crypto'
import { createClient } from 'telestore-client'
import { expect, test, vi } from 'vitest'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { startTeleStore } from '../../helpers/worker/telestore.ts'

const BARE = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }

/** A user by MTProto, or a bot that cannot see messages. */
async function start(kind: 'user' | 'bare bot') {
  const telegram = await startTelegram()
  const store = await startTeleStore({ telegram })
  if (kind === 'bare bot') {
    store.addUser('bob', telegram.createAccount({ label: 'bob', withUser: false }), BARE)
  }
  const token = kind === 'user' ? 'main' : 'bob'
  const client = createClient({ url: store.url, token })
  return {
    ...{ client, library: client.library },
    upload: async (fileName: string, folder: string, bytes = randomBytes(100)) => {
      const source = { name: fileName, size: bytes.length, slice: sliceOf(bytes) }
      return client.upload(source, { folder, resumeStore: null }).done
    },
    places: async () => {
      const { items } = await client.library.list({ recursive: true })
      return items.map(({ folder, fileName }) => `${folder} ${fileName}`).sort()
    },
  }
}

function sliceOf(bytes: Buffer) {
  return (from: number, to: number) => new Blob([new Uint8Array(bytes.subarray(from, to))])
}

test.each(['user', 'bare bot'] as const)(
  'files and folders of a %s are made, renamed, moved, copied and deleted in the channel',
  async (kind) => {
    const { client, library, upload, places } = await start(kind)
    const bytes = randomBytes(1000)
    const one = await upload('one.bin', '/Photos/Rome', bytes)
    const two = await upload('two.bin', '/Photos/Rome')
    expect(await places()).toEqual(['/Photos/Rome one.bin', '/Photos/Rome two.bin'])

    await library.place(one.messageId, { fileName: 'Ünö 🎉.bin' })
    await library.moveFolder('/Photos', '/Holidays')
    const copying = await library.copy([one.messageId], '/Copies')
    expect(await client.follow(copying.uploadId)).toMatchObject({ status: 'completed' })
    const moving = await library.move([two.messageId], '/')
    expect(await client.follow(moving.uploadId)).toMatchObject({ status: 'completed' })

    const expected = ['/ two.bin', '/Copies Ünö 🎉.bin', '/Holidays/Rome Ünö 🎉.bin']
    expect(await places()).toEqual(expected)
    const [copy] = (await library.list({ folder: '/Copies' })).items
    if (kind === 'user') {
      const { body } = await client.download(copy?.messageId ?? 0)
      const read = Buffer.from(await new Response(body).arrayBuffer())
      expect(digestOf(read)).toBe(digestOf(bytes))
      // What the channel alone says.
      const { at } = await library.rescan()
      await vi.waitFor(async () => {
        const { sync } = await library.list()
        expect([sync.state, sync.at?.getTime() !== at?.getTime()]).toEqual(['current', true])
      })
      expect(await places()).toEqual(expected)
    }
    await library.delete(copy?.messageId ?? 0)
    const emptying = await library.deleteFolder('/Holidays', { recursive: true })
    expect(await client.follow(emptying?.uploadId ?? '')).toMatchObject({ status: 'completed' })
    expect(await places()).toEqual(['/ two.bin'])
  },
)

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
