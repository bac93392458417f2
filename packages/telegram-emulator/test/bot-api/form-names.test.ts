import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'
import { startSharedTelegram } from '../helpers/telegram.ts'

const telegram = await startSharedTelegram()

/** Every character that a regular expression's `.`, `\s` or `$` treats as an end or a space. */
test.each([
  ['U+2028', 'a\u2028b.txt'],
  ['U+2029', 'a\u2029b.txt'],
  ['U+0085', 'a\u0085b.txt'],
  ['U+000B and U+000C', 'a\vb\fc.txt'],
  ['a line feed alone', 'a\nb.txt'],
  ['a carriage return alone', 'a\rb.txt'],
  ['a tabulator', 'a\tb.txt'],
  ['U+00A0 at the end', 'a.txt\u00a0'],
  ['a byte order mark', '\ufeffa.txt'],
  ['an emoji of several parts', '👩‍👩‍👧‍👦 🇺🇦.png'],
  ['marks of direction', 'a\u202e\u200f\u2067txt.exe'],
  ['letters whose last byte is 0xA0', 'voilà'],
  ['semicolons, equals signs and colons', 'a; filename=b; name=c: d.txt'],
  ['a per cent sign that is no escape', '100 %.txt'],
  ['an ending in another script', 'файл.тхт'],
  ['hidden beginnings and ends', '.profile.'],
  ['a quotation mark as browsers write it', 'a"b.txt', 'a%22b.txt'],
  ['a line end as browsers write it', 'a\r\nb.txt', 'a%0D%0Ab.txt'],
  ['an escaped quotation mark', 'a"b.txt', 'a\\"b.txt'],
  ['an escaped backslash before a closing quote', 'b.txt\\.', 'b.txt\\\\.', '.'],
  ['an escaped line separator', 'a\u2028b', 'a\\\u2028b'],
  ['a folder before a line separator', 'a\u2028/b.txt', 'a\u2028/b.txt', 'b.txt'],
  ['no characters', '', '', 'file'],
])('a name with %s arrives whole', async (_name, name, written = name, kept = name) => {
  const sent = await send(telegram, [partOf(`form-data; name="document"; filename="${written}"`)])

  expect(sent).toMatchObject({ ok: true, result: { document: { file_name: kept } } })
  expect(await downloaded(sent)).toBe('hello')
})

test.each([
  ['a token', 'form-data; name=document; filename=voilà', 'voilà'],
  ['a token before others', 'form-data; filename=a.txt ; name=document', 'a.txt'],
  ['a line that is folded', 'form-data; name="document";\r\n filename="a.txt"', 'a.txt'],
  ['a name beside filename*', disposition('filename="a.txt"; filename*=UTF-8\'\'b.txt'), 'a.txt'],
  ['filename* first', disposition('filename*=UTF-8\'\'b.txt; filename="a.txt"'), 'a.txt'],
  ['two names', disposition('filename="a.txt"; filename="b.txt"'), 'b.txt'],
  ['a key that ends like another', disposition('xfilename="b.txt"; filename="a.txt"'), 'a.txt'],
])('%s is read as TDLib reads it', async (_name, header, name) => {
  const sent = await send(telegram, [partOf(header)])

  expect(sent).toMatchObject({ ok: true, result: { document: { file_name: name } } })
})

test.each([
  ['a quote that does not end', disposition('filename="a.txt'), 'unclosed quoted string'],
  ['an escape of nothing', disposition('filename="a\\'), 'wrong escape sequence'],
  ['a word after a quoted value', disposition('filename="a" b'), "expected ';'"],
  ['another disposition', 'attachment; name="document"', 'expected form-data'],
  ['no name', 'form-data; filename="a.txt"', 'field name in multipart/form-data not found'],
  ['filename* alone', disposition("filename*=UTF-8''b.txt"), 'wrong file identifier'],
])('%s is refused', async (_name, header, reason) => {
  const answer = await send(telegram, [partOf(header)])

  expect(answer).toMatchObject({ ok: false, error_code: 400 })
  expect(answer.description).toContain(reason)
})

test('a form that comes byte by byte is read whole', async () => {
  const name = 'я\u2028👩‍👧 à.txt'
  const part = partOf(`form-data; name="document"; filename="${name}"`)

  const sent = await send(
    telegram,
    [...Buffer.from(part)].map((byte) => Buffer.of(byte)),
  )

  expect(sent).toMatchObject({ result: { document: { file_name: name, file_size: 5 } } })
})

test('a caption keeps its separators in every kind of body', async () => {
  const caption = 'one\u2028two\u2029three\u0085four\r\nfive'
  const field = `--x\r\nContent-Disposition: form-data; name="caption"\r\n\r\n${caption}\r\n`

  const sent = await send(telegram, [field, partOf(disposition('filename="a"'))])

  expect(sent).toMatchObject({ result: { caption } })
})

interface Answer {
  ok: boolean
  description?: string
  result?: { document?: { file_id: string } }
}

function disposition(rest: string): string {
  return `form-data; name="document"; ${rest}`
}

function partOf(header: string): string {
  return `--x\r\nContent-Disposition: ${header}\r\nContent-Type: text/plain\r\n\r\nhello\r\n`
}

/** Each piece is a chunk of its own on the wire, and comes out of the socket as one. */
function send({ botApi, account }: Emulator, pieces: (string | Buffer)[]): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const query = `chat_id=${account.channelId}`
  const call = request(`${botApi.root}/bot${account.botToken}/sendDocument?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' },
  })
  call.on('error', reject)
  call.on('response', (response) => {
    text(response).then((body) => resolve(JSON.parse(body)), reject)
  })
  for (const piece of pieces) call.write(piece)
  call.end('--x--\r\n')
  return promise
}

async function downloaded({ result }: Answer): Promise<string> {
  const { botApi, account } = telegram
  const named = new URLSearchParams({ file_id: result?.document?.file_id ?? '' })
  const found = await fetch(`${botApi.root}/bot${account.botToken}/getFile?${named}`)
  const file = (await found.json()) as { result: { file_path: string } }
  const url = `${botApi.root}/file/bot${account.botToken}/${file.result.file_path}`
  return (await fetch(url)).text()
}
