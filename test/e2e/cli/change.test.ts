import { expect, test } from 'vitest'
import { runCommand } from '../../cli/command.ts'
import { createFakeChannel } from '../../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }

/** A channel with three files in its root. */
async function start() {
  const channel = createFakeChannel()
  const options = { gateway: createFakeGateway(), channel, credentials: testCredentials }
  const { url, adapters } = await startWorker(options)
  const { ledger } = adapters
  const ids = ['a.txt', 'b.txt', 'c.txt'].map((name) => {
    const messageId = channel.add('', { fileName: name })
    return { messageId, name }
  })
  await ledger.applyToLibrary(KEY, {
    files: ids.map(({ messageId, name }) => makeFile(messageId, { name })),
  })
  return {
    ids: ids.map(({ messageId }) => messageId),
    run: (...args: string[]) => runCommand(args, { url }),
    /** Paths of all files, in the order of their messages. */
    paths: async () => {
      const tree = await ledger.libraryTree(KEY, [])
      const all = [...(tree?.fileIds ?? [])].sort((a, b) => a - b)
      const files = await Promise.all(all.map((id) => ledger.libraryFile(KEY, id)))
      return files.map((file) => `/${[...(file?.path ?? []), file?.name].join('/')}`)
    },
  }
}

test('mkdir makes folders, mv moves into them, and renames', async () => {
  const { run, paths, ids } = await start()

  const made = await run('mkdir', '/Rome/Day 1', '/Paris')
  const moved = await run('mv', '/a.txt', `${ids[1]}`, '/Paris')
  const renamed = await run('mv', '/Paris/a.txt', '/Rome/x.txt')
  const folder = await run('mv', '/Paris', '/Rome')
  const other = await run('mv', '/Rome', '/Roma')

  expect(made.lines).toEqual(['/Rome/Day 1', '/Paris'])
  expect(moved.lines).toEqual(['2 moved to /Paris'])
  expect(renamed.lines).toEqual(['/Paris/a.txt is /Rome/x.txt now'])
  expect([folder, other].map(({ code }) => code)).toEqual([0, 0])
  expect(await paths()).toEqual(['/Roma/x.txt', '/Roma/Paris/b.txt', '/c.txt'])
})

test('cp copies files into a folder, and no folders', async () => {
  const { run, paths } = await start()

  const copied = await run('cp', '/a.txt', '/b.txt', '/Copies/')
  const refused = await run('cp', '/Copies', '/Other')

  expect([copied.code, copied.lines]).toEqual([0, ['2 copied to /Copies/']])
  expect([refused.code, refused.stderr]).toEqual([
    ...[1, expect.stringContaining('/Copies: it is a folder, and only files are copied')],
  ])
  expect(await paths()).toEqual([
    ...['/a.txt', '/b.txt', '/c.txt', '/Copies/a.txt', '/Copies/b.txt'],
  ])
})

test('rm deletes files and empty folders, and full ones only with --recursive', async () => {
  const { run, paths } = await start()
  await run('mv', '/a.txt', '/Full/')
  await run('mkdir', '/Empty')

  const refused = await run('rm', '/Full')
  const missing = await run('rm', '/b.txt', '/nothing')
  const before = await paths()
  const done = await run('rm', '/b.txt', '/Empty', '--json')
  const all = await run('rm', '-r', '/Full')

  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is not empty')])
  expect(missing.stderr).toContain('/nothing: the channel has no such file or folder')
  expect(before).toEqual(['/Full/a.txt', '/b.txt', '/c.txt'])
  expect([done.code, done.lines]).toEqual([0, ['{"ok":true}']])
  expect(all.code).toBe(0)
  expect(await paths()).toEqual(['/c.txt'])
})

test.each([
  [['mv', '/a'], 'mv: expected WHAT… and WHERE'],
  [['cp'], 'cp: expected WHAT… and WHERE'],
  [['rm'], 'rm: nothing is named'],
  [['mkdir'], 'mkdir: nothing is named'],
  [['mv', '/a', '/b', '--recursive'], '--recursive is no option of mv'],
])('%j is wrong usage', async (args, sentence) => {
  const { code, stderr } = await runCommand(args, { url: 'http://127.0.0.1:9' })
  expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)])
})
