import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { isSystemFile } from 'telestore-client'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startFaultProxy } from '../../../packages/client/test/fault-proxy.ts'
import { type Found, lookAt, walk } from '../../../src/cli/commands/find-files.ts'
import { createUploadTally } from '../../../src/cli/commands/upload-tally.ts'
import { runCommand, startCommand } from '../../cli/command.ts'
import { createFakeChannel } from '../../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }

async function start(files: Record<string, string>) {
  const gateway = createFakeGateway()
  // Messages of folders and of files have one numbering in Telegram.
  const channel = createFakeChannel()
  for (let id = 0; id < 100; id++) channel.add('words')
  const worker = await startWorker({ gateway, channel, credentials: testCredentials })
  const { ledger } = worker.adapters
  const proxy = await startFaultProxy(worker.url)
  const posted = () => gateway.posted.map(({ name, bytes }) => `${name}=${bytes}`)
  return { proxy, posted, ledger, url: proxy.url, cwd: await makeTree(files) }
}

/** Files by their path, each with its text. */
async function makeTree(files: Record<string, string>): Promise<string> {
  const root = await makeTempDir()
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

test('with --folder the files of a folder keep their folders, and each is in the library', async () => {
  const { url, cwd, ledger } = await start({
    'photos/a.jpg': 'a',
    'photos/trip/b.jpg': 'b',
    'notes.txt': 'notes',
  })
  await ledger.applyToLibrary(KEY, { files: [makeFile(999, { name: 'notes.txt' })] })

  const place = ['--folder', '/Drive/', '--on-conflict', 'keep-both']
  const ended = await runCommand(['upload', 'photos', 'notes.txt', ...place], { url, cwd })

  expect([ended.code, ended.stderr]).toEqual([0, expect.not.stringContaining('wrong')])
  const names = async (...path: string[]): Promise<number[]> => {
    const tree = await ledger.libraryTree(KEY, path)
    return [tree?.fileIds.length ?? 0, tree?.depth ?? 0]
  }
  expect(await names('Drive')).toEqual([3, 2])
  expect(await names('Drive', 'photos', 'trip')).toEqual([1, 0])
  expect(await ledger.libraryFilesNamed(KEY, ['Drive'], 'notes.txt')).toHaveLength(1)
})

test('a folder is sent with all files in it, without the files of operating systems', async () => {
  const { posted, url, cwd } = await start({
    'photos/10.jpg': 'ten',
    'photos/2.jpg': 'two',
    'photos/.DS_Store': 'junk',
    'photos/._2.jpg': 'junk',
    'photos/trip/2.jpg': 'another two',
    'photos/trip/Thumbs.db': 'junk',
    'photos/trip/.hidden': 'hidden',
    'photos/__MACOSX/x.jpg': 'junk',
    'notes.txt': 'notes',
  })
  await mkdir(join(cwd, 'photos/nothing'))

  const { code, lines, stderr } = await runCommand(['upload', 'photos/', 'notes.txt'], { url, cwd })

  expect(code).toBe(0)
  expect(posted()).toEqual([
    '2.jpg=two',
    '10.jpg=ten',
    '.hidden=hidden',
    '2.jpg=another two',
    'notes.txt=notes',
  ])
  expect(lines.map((line) => line.replace(/:.*/, ''))).toEqual([
    'photos/2.jpg',
    'photos/10.jpg',
    'photos/trip/.hidden',
    'photos/trip/2.jpg',
    'notes.txt',
  ])
  expect(stderr.trim().split('\n')).toEqual([
    '5 files sent',
    '4 left out: systems keep them for themselves, such as .DS_Store (--all sends them)',
  ])
})

test('--all sends the files of operating systems, too', async () => {
  const { posted, url, cwd } = await start({ 'a/.DS_Store': 'junk', 'a/._b': 'junk' })

  const without = await runCommand(['upload', 'a'], { url, cwd })
  const all = await runCommand(['upload', 'a', '--all'], { url, cwd })

  expect(without).toMatchObject({ code: 0, lines: [] })
  expect(without.stderr).toContain('There is nothing to send\n2 left out: ')
  expect(all.code).toBe(0)
  expect(posted()).toEqual(['._b=junk', '.DS_Store=junk'])
})

test('a file of an operating system is sent when it is named', async () => {
  const { posted, url, cwd } = await start({
    '._notes.pdf': 'notes',
    'd/desktop.ini': 'named',
    'd/Thumbs.db': 'junk',
    '__MACOSX/a': 'a',
  })

  const alone = await runCommand(['upload', '._notes.pdf', '--json'], { url, cwd })
  const names = ['d', 'd/desktop.ini', '__MACOSX']
  const beside = await runCommand(['upload', ...names], { url, cwd })

  expect(alone.code).toBe(0)
  expect(alone.lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ file: '._notes.pdf', ok: true }),
  ])
  expect(beside.code).toBe(0)
  expect(posted()).toEqual(['._notes.pdf=notes', 'desktop.ini=named', 'a=a'])
  expect(beside.stderr).toContain('2 left out: systems keep them for themselves')
})

test('--json prints the counts also without a folder when a file was left out', async () => {
  const { url, cwd } = await start({ a: 'a' })

  const { lines } = await runCommand(['upload', 'a', './a', '--json'], { url, cwd })

  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ file: 'a', ok: true }),
    { summary: expect.objectContaining({ leftOut: { system: 0, link: 0, special: 0, twice: 1 } }) },
  ])
})

test('files that cannot be sent are listed at the end, and the others are sent', async () => {
  const { posted, url, cwd } = await start({ 'd/a': 'a', 'd/b': '', 'd/c': 'c' })

  const args = ['upload', 'missing', 'd', 'nowhere/d']
  const { code, lines, stderr } = await runCommand(args, { url, cwd })

  expect(code).toBe(1)
  expect(lines).toHaveLength(2)
  expect(posted()).toEqual(['a=a', 'c=c'])
  expect(stderr.split('\n').slice(3)).toEqual([
    '2 files sent',
    '3 failed:',
    '  missing: there is no such file or folder',
    '  d/b: The file is empty: Telegram takes none',
    '  nowhere/d: there is no such file or folder',
    '',
  ])
})

test('--json prints a line for each file, and one with the counts', async () => {
  const { url, cwd } = await start({ 'd/a': 'a', 'd/b': '', 'd/.DS_Store': 'junk' })

  const { code, lines, stderr } = await runCommand(['upload', 'd', '--json'], { url, cwd })

  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ file: 'd/a', ok: true, fileName: 'a', messageId: 1 }),
    expect.objectContaining({ file: 'd/b', ok: false, code: 'EMPTY_FILE' }),
    {
      summary: {
        sent: 1,
        sentBefore: 0,
        failed: 1,
        notTried: 0,
        leftOut: { system: 1, link: 0, special: 0, twice: 0 },
      },
    },
  ])
})

test('a name that is given twice is sent once', async () => {
  const { posted, url, cwd } = await start({ 'd/a': 'a', b: 'b' })
  await symlink('d', join(cwd, 'link'))

  const names = ['b', './b', 'd/a', 'd', 'link', 'd/.']
  const { code, stderr } = await runCommand(['upload', ...names], { url, cwd })

  expect(code).toBe(0)
  expect(posted()).toEqual(['b=b', 'a=a'])
  expect(stderr).toContain('4 left out: named twice, or in a folder that is named')
})

test('links, pipes and sockets in a folder are left out, and a link that is named is sent', async () => {
  const { posted, url, cwd } = await start({ 'd/a': 'a', 'elsewhere/b': 'b' })
  await symlink('..', join(cwd, 'd/around'))
  await symlink('../elsewhere/b', join(cwd, 'd/linked'))
  await symlink('nothing', join(cwd, 'd/broken'))
  await symlink('circle', join(cwd, 'circle'))
  await symlink('elsewhere', join(cwd, 'named'))
  await promisify(execFile)('mkfifo', [join(cwd, 'd/pipe')])
  await listen(join(cwd, 'd/socket'))

  const { code, stderr } = await runCommand(['upload', 'd', 'named', 'circle', 'd/pipe'], {
    url,
    cwd,
  })

  expect(code).toBe(1)
  expect(posted()).toEqual(['a=a', 'b=b'])
  expect(stderr).toContain('3 left out: symbolic links in folders')
  expect(stderr).toContain('2 left out: sockets, pipes and devices')
  expect(stderr).toContain('1 left out: named twice')
  expect(stderr).toContain('1 failed:\n  circle: its links lead in a circle\n')
})

test('after Ctrl-C the same command continues in the folder where it stopped', async () => {
  const { proxy, posted, url, cwd } = await start({ 'd/1': '1', 'd/2': '2', 'd/3': '3' })
  const cache = await makeTempDir()
  let opened = 0
  // The second file waits until the process has gone.
  proxy.before('/init-upload', () => (++opened === 2 ? new Promise(() => {}) : Promise.resolve()))
  const { child, ended } = await startCommand(['upload', 'd'], { url, cwd, cache })
  await vi.waitFor(() => expect(opened).toBe(2))

  child.kill('SIGINT')
  const first = await ended
  const second = await runCommand(['upload', 'd', '--json'], { url, cwd, cache })
  const left = await readdir(join(cache, 'telestore-worker', 'commands'))
  const third = await runCommand(['upload', 'd'], { url, cwd, cache })

  expect(first.code).toBe(130)
  expect(first.lines).toEqual([expect.stringMatching(/^d\/1: message 1 /)])
  expect(first.stderr).toContain('Interrupted. The same command goes on from here')
  expect(second.code).toBe(0)
  const [one, two, three, end] = second.lines.map((line) => JSON.parse(line))
  expect([one.messageId, two.messageId, three.messageId]).toEqual([1, 2, 3])
  expect(end.summary).toMatchObject({ sent: 2, sentBefore: 1 })
  expect(left).toEqual([])
  expect(third.code).toBe(0)
  expect(posted()).toEqual(['1=1', '2=2', '3=3', '1=1', '2=2', '3=3'])
})

test('after a failure the same command sends the files that have failed or changed', async () => {
  const { posted, url, cwd } = await start({ 'd/1': '1', 'd/2': '', 'd/3': '3' })
  const options = { url, cwd, cache: await makeTempDir() }

  await runCommand(['upload', 'd'], options)
  await writeFile(join(cwd, 'd/2'), '2')
  await writeFile(join(cwd, 'd/3'), 'three')
  const stranger = await runCommand(['upload', 'd'], { ...options, token: 'token-bob' })
  const second = await runCommand(['upload', 'd'], options)

  expect(stranger.lines).toHaveLength(3)
  expect(second.code).toBe(0)
  expect(second.stderr).toContain('1 file sent before (--no-resume sends all of them again)')
  expect(posted().slice(2 + 3)).toEqual(['2=2', '3=three'])
})

test('--no-resume forgets what was sent before', async () => {
  const { posted, url, cwd } = await start({ 'd/1': '1', 'd/2': '' })
  const options = { url, cwd, cache: await makeTempDir() }

  await runCommand(['upload', 'd'], options)
  await runCommand(['upload', 'd', '--no-resume'], options)
  await runCommand(['upload', 'd'], options)

  expect(posted()).toEqual(['1=1', '1=1', '1=1'])
})

test('a refused token ends the command before the other files of a folder', async () => {
  const { proxy, url, cwd } = await start({ 'd/1': '1', 'd/2': '2', 'd/3': '3' })

  const { code, stderr } = await runCommand(['upload', 'd'], { url, cwd, token: 'no' })

  expect(code).toBe(1)
  expect(stderr).toContain('0 files sent\n2 more not tried\n1 failed:\n  d/1: The token is')
  expect(proxy.requests).toEqual(['POST /init-upload'])
})

test('thousands of files are found in the order of their names', async () => {
  const names = Array.from({ length: 3000 }, (_, index) => `f${index % 7}/${index}`)
  const root = await makeTree(Object.fromEntries(names.map((name) => [name, ''])))

  const found: Found[] = []
  for await (const each of walk(root, { all: false })) found.push(each)

  const expected = [0, 1, 2, 3, 4, 5, 6].flatMap((folder) =>
    names.filter((name) => name.startsWith(`f${folder}/`)),
  )
  expect(found).toEqual(expected.map((name) => ({ kind: 'file', path: join(root, name) })))
})

test('a folder that cannot be read is reported, and thousands of names are looked up', async () => {
  const root = await makeTree({ a: 'a' })
  const names = Array.from({ length: 5000 }, () => join(root, 'a'))
  const gone = join(root, 'gone')

  const inside: Found[] = []
  for await (const each of walk(gone, { all: false })) inside.push(each)
  const named = await lookAt(names, { all: false })

  expect(inside).toMatchObject([{ kind: 'failed', path: gone, error: { code: 'ENOENT' } }])
  expect(named.filter(({ kind }) => kind === 'file')).toHaveLength(1)
})

test('the list of failures has the first fifty of a thousand', () => {
  const tally = createUploadTally()

  for (let index = 0; index < 1000; index++) tally.failed(`file\u001b-${index}`, 'it is gone')

  const lines = tally.summary()
  expect(lines.slice(0, 3)).toEqual(['0 files sent', '1000 failed:', '  file?-0: it is gone'])
  expect(lines.at(-1)).toBe('  and 950 more, named above')
  expect(lines).toHaveLength(2 + 50 + 1)
})

test.each([
  ['.DS_Store', true],
  ['a/b/.ds_store', true],
  ['C:\\photos\\THUMBS.DB', true],
  ['Desktop.ini', true],
  ['._holiday.jpg', true],
  ['Icon\r', true],
  ['photos/@eaDir/a.jpg', true],
  ['__MACOSX/a/b.txt', true],
  ['$RECYCLE.BIN/a', true],
  ['.Trash-1000/files/a', true],
  ['.nfs00000000000a1b2c00000001', true],
  ['.~lock.report.odt#', true],
  ['~$report.docx', true],
  ['', false],
  ['.', false],
  ['.env', false],
  ['.gitignore', false],
  ['._', true],
  ['_.jpg', false],
  ['Thumbs.db.zip', false],
  ['my desktop.ini', false],
  ['Icon', false],
  ['DS_Store', false],
  ['~$100 bill.jpg', false],
  ['.Trash/a', false],
])('that systems keep %j for themselves: %s', (path, expected) => {
  expect(isSystemFile(path)).toBe(expected)
})

async function listen(path: string): Promise<void> {
  const server = createServer()
  await once(server.listen(path), 'listening')
  onTestFinished(() => void server.close())
}
