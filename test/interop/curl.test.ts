import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { sha256 } from '../helpers/callers/client.ts'
import { parseByteranges } from './support/byteranges.ts'
import { run } from './support/programs.ts'
import { bytesFetched, type ServedFile, serveFile, sha256OfFile } from './support/served-file.ts'

const bytes = randomBytes(7 * MiB + 123)

test('-r gets the first and the last bytes, a border of blocks, and an open end', async () => {
  const served = await serveFile('a.bin', bytes)
  const cases: [string, Buffer][] = [
    ['0-99', bytes.subarray(0, 100)],
    ['-100', bytes.subarray(-100)],
    [`${MiB - 7}-${3 * MiB + 6}`, bytes.subarray(MiB - 7, 3 * MiB + 7)],
    [`${5 * MiB}-`, bytes.subarray(5 * MiB)],
  ]

  for (const [range, expected] of cases) {
    const { status, headers, body } = await curl(served, ['-r', range])

    expect([range, status, sha256(body)]).toEqual([range, 206, sha256(expected)])
    const start = bytes.indexOf(expected)
    const place = `bytes ${start}-${start + expected.length - 1}/${bytes.length}`
    expect(headers.get('content-range')).toBe(place)
  }
})

test('-C - reads only what a half file lacks', async () => {
  const served = await serveFile('a.bin', bytes)
  const path = join(served.folder, 'half.bin')
  await writeFile(path, bytes.subarray(0, 4 * MiB))

  const format = '%{http_code} %{size_download}'
  const args = ['-sS', '-C', '-', '-o', path, '-w', format, served.link]
  const said = await run('curl', args, { home: served.folder })

  expect(said.toString()).toBe(`206 ${bytes.length - 4 * MiB}`)
  expect(await sha256OfFile(path)).toBe(sha256(bytes))
})

test('--range with two ranges gets both, each with its place', async () => {
  const served = await serveFile('a.bin', bytes)

  const { status, headers, body } = await curl(served, ['--range', '0-9,20-29'])

  expect(status).toBe(206)
  expect(headers.get('content-length')).toBe(String(body.length))
  const parts = parseByteranges(headers.get('content-type') ?? '', body)
  expect(parts.map((part) => part.headers.get('content-range'))).toEqual([
    `bytes 0-9/${bytes.length}`,
    `bytes 20-29/${bytes.length}`,
  ])
  const expected = [bytes.subarray(0, 10), bytes.subarray(20, 30)]
  expect(parts.map((part) => sha256(part.body))).toEqual(expected.map(sha256))
})

test('-I says what a GET would, and asks Telegram for no bytes', async () => {
  const served = await serveFile('a.bin', bytes)

  const { status, headers, body } = await curl(served, ['-I'])

  expect(status).toBe(200)
  expect(headers.get('content-length')).toBe(String(bytes.length))
  expect(headers.get('accept-ranges')).toBe('bytes')
  expect(body.length).toBe(0)
  expect(bytesFetched(served.telegram)).toBe(0)
})

test('an unchanged file is not sent again, neither by -z nor by its entity tag', async () => {
  const served = await serveFile('a.bin', bytes)
  const { headers } = await curl(served, ['-I'])
  const etag = headers.get('etag') ?? ''
  const modified = headers.get('last-modified') ?? ''

  const byDate = await curl(served, ['-z', modified])
  const byTag = await curl(served, ['-H', `If-None-Match: ${etag}`])
  const older = await curl(served, ['-z', 'Mon, 01 Jan 2024 00:00:00 GMT'])
  const otherTag = await curl(served, ['-H', 'If-None-Match: "other"'])

  for (const { status, headers, body } of [byDate, byTag]) {
    expect([status, headers.get('etag'), body.length]).toEqual([304, etag, 0])
  }
  for (const { status, body } of [older, otherTag]) {
    expect([status, sha256(body)]).toEqual([200, sha256(bytes)])
  }
})

test('a range behind the end is refused with the size', async () => {
  const served = await serveFile('a.bin', bytes)

  const { status, headers } = await curl(served, ['-r', `${bytes.length}-`])

  expect(status).toBe(416)
  expect(headers.get('content-range')).toBe(`bytes */${bytes.length}`)
})

async function curl(
  { link, folder }: ServedFile,
  args: string[],
): Promise<{ status: number; headers: Headers; body: Buffer }> {
  const [head, body] = ['head', 'body'].map((name) => join(folder, name)) as [string, string]
  // With -z and -I curl writes no body at all.
  await writeFile(body, '')
  const output = args.includes('-I') ? [] : ['-o', body]
  await run('curl', ['-sS', ...args, '-D', head, ...output, link], { home: folder })
  const [statusLine = '', ...lines] = (await readFile(head, 'latin1')).trimEnd().split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Headers(headers),
    body: await readFile(body),
  }
}
