import { expect, test } from 'vitest'
import { decodeCaption, encodeCaption } from '../../../../src/core/model/caption.ts'
import { AppError } from '../../../../src/errors.ts'
import { KEY, startChanges } from './setup.ts'

const floodOf = (retryAfter: number): AppError =>
  new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter })

test('a file is renamed and moved in Telegram, and then in its row', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  await look()

  const { file: shown } = await changing.placeFile(token, id, {
    fileName: 'b.txt',
    folder: ['Rome', 'Day'],
  })

  expect(shown).toMatchObject({ messageId: id, name: 'b.txt', path: ['Rome', 'Day'] })
  const [message, rome, day] = channel.list()
  const said = decodeCaption(message?.text ?? '', null)
  expect(said).toMatchObject({ name: 'b.txt', folderId: decodeCaption(day?.text ?? '', null)?.id })
  expect(decodeCaption(rome?.text ?? '', null)).toMatchObject({ kind: 'folder', name: 'Rome' })
  // The next look finds what is there already.
  await look()
  expect(await ledger.libraryFile(KEY, id)).toEqual(shown)
})

test('a change of the name leaves the folder, and a change of the folder the name', async () => {
  const { addFile, look, changing, token } = startChanges()
  const id = addFile('a.txt')
  await look()

  await changing.placeFile(token, id, { folder: ['Rome'] })
  const { file: renamed } = await changing.placeFile(token, id, { fileName: 'b.txt' })
  const { file: back } = await changing.placeFile(token, id, { folder: [] })

  expect(renamed).toMatchObject({ name: 'b.txt', path: ['Rome'] })
  expect(back).toMatchObject({ name: 'b.txt', path: [] })
})

test('what people wrote beside a file stays, also when they wrote it a moment ago', async () => {
  const { addFile, look, changing, token, channel } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.change(id, `My holiday\n${channel.list()[0]?.text}\nin Rome`)

  await changing.placeFile(token, id, { fileName: 'b.txt' })

  expect(channel.list()[0]?.text).toMatch(/^My holiday\n#telestore .*name=b%2Etxt\nin Rome$/)
})

test('two tabs that rename one file at once do it one after the other, and the last name stays', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  await look()

  await Promise.all([
    changing.placeFile(token, id, { fileName: 'b.txt' }),
    changing.placeFile(token, id, { fileName: 'c.txt' }),
  ])

  expect(decodeCaption(channel.list()[0]?.text ?? '', null)?.name).toBe('c.txt')
  expect(await ledger.libraryFile(KEY, id)).toMatchObject({ name: 'c.txt' })
  const { requests } = channel
  expect(requests).toEqual(['messages', 'edit', 'messages', 'edit'])
})

test('a name that a file has already is no edit', async () => {
  const { addFile, look, changing, token, channel } = startChanges()
  const id = addFile('a.txt')
  await look()

  expect(await changing.placeFile(token, id, { fileName: 'a.txt' })).toMatchObject({
    file: { name: 'a.txt' },
  })
  expect(channel.requests).toEqual(['messages'])
})

test('the document of another sender gets a line of its own', async () => {
  const { look, changing, token, channel } = startChanges()
  const id = channel.add('Look at this', { fileName: 'IMG_1.jpg', size: 3 })
  await look()

  const { file: shown } = await changing.placeFile(token, id, { fileName: 'Rome.jpg' })

  expect(shown).toMatchObject({ name: 'Rome.jpg', captionId: expect.any(String) })
  expect(channel.list()[0]?.text).toMatch(/^Look at this\n#telestore v=1 id=\w+ kind=file name=/)
})

test('without names in captions a file is renamed in its row alone', async () => {
  const { addFile, look, changing, token, channel } = startChanges({ namesInCaptions: false })
  const id = channel.add('', { fileName: 'a.txt', size: 3 })
  const named = addFile('b.txt')
  await look()

  expect(await changing.placeFile(token, id, { fileName: 'x.txt' })).toMatchObject({
    file: { name: 'x.txt' },
  })
  expect(await changing.placeFile(token, named, { fileName: 'y.txt' })).toMatchObject({
    file: { name: 'y.txt' },
  })

  expect(channel.list().map(({ text }) => text)).toEqual(['', expect.not.stringContaining('name=')])
})

test('a bot that sees no messages writes what the rows know', async () => {
  const { addFile, look, changing, token, channel } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.sees = null

  const { file: shown } = await changing.placeFile(token, id, { fileName: 'b.txt' })

  expect(shown).toMatchObject({ name: 'b.txt' })
  expect(decodeCaption(channel.list()[0]?.text ?? '', null)?.name).toBe('b.txt')
  expect(channel.requests).toEqual(['edit'])
})

test('a file that somebody has deleted is not found, and its row goes', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.drop(id)

  await expect(changing.placeFile(token, id, { fileName: 'b' })).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  })
  expect(await ledger.libraryFile(KEY, id)).toBeNull()
})

test('a refusal of Telegram leaves the row as it is', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.before = async (method) => {
    if (method === 'edit') throw new AppError('NOT_EDITABLE', 'no right')
  }

  await expect(changing.placeFile(token, id, { fileName: 'b' })).rejects.toMatchObject({
    code: 'NOT_EDITABLE',
  })
  expect(await ledger.libraryFile(KEY, id)).toMatchObject({ name: 'a.txt' })
})

test('a long wait of Telegram is passed on as 429', async () => {
  const { addFile, look, changing, token, channel } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.before = async () => {
    throw floodOf(77)
  }

  await expect(changing.deleteFile(token, id)).rejects.toMatchObject({
    ...{ code: 'TOO_MANY_REQUESTS', status: 429, retryAfter: 77 },
  })
})

test('a file is deleted, once more is the same, and a text of people is never deleted', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  const text = channel.add('Only words')
  const unseen = addFile('posted a moment ago')
  channel.drop(unseen)
  const newest = addFile('posted just now')
  await look()
  await ledger.applyToLibrary(KEY, { gone: [newest] })

  for (const each of [id, id, text, unseen, newest]) await changing.deleteFile(token, each)

  expect(channel.list().map(({ messageId }) => messageId)).toEqual([text])
  expect(await ledger.libraryFile(KEY, id)).toBeNull()
})

test('what no account may delete stays in the rows', async () => {
  const { addFile, look, changing, token, channel, ledger } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.refuses = [id]

  await expect(changing.deleteFile(token, id)).rejects.toMatchObject({
    ...{ code: 'NOT_DELETABLE', details: { right: 'delete_messages' } },
  })
  expect(await ledger.libraryFile(KEY, id)).not.toBeNull()
})

test('a folder is made with those around it, and once', async () => {
  const { changing, token, channel } = startChanges()

  const both = await Promise.all([
    changing.makeFolder(token, ['Rome', 'Day 1']),
    changing.makeFolder(token, ['Rome', 'Day 2']),
    changing.makeFolder(token, ['Rome', 'Day 1']),
  ])
  const again = await changing.makeFolder(token, ['Rome'])

  expect(both.map(({ folder }) => folder.path.join('/'))).toEqual([
    ...['Rome/Day 1', 'Rome/Day 2', 'Rome/Day 1'],
  ])
  expect(again.isNew).toBe(false)
  const names = channel.list().map(({ text }) => decodeCaption(text, null)?.name)
  expect(names).toEqual(['Rome', 'Day 1', 'Day 2'])
})

test('a folder whose post failed is made with the id and the note of the first try', async () => {
  const { newProcess, makeFolders, call, channel, ledger } = startChanges()
  const texts: string[] = []
  const notes: unknown[] = []
  const { post } = channel
  channel.post = async (at, what) => {
    texts.push(what.text)
    notes.push(await what.journal.load())
    const note = { actor: 'user', randomId: '7', newestMessageId: 3, attempts: 1 } as const
    await what.journal.save(note)
    if (texts.length === 1) throw new AppError('TELEGRAM_UNAVAILABLE', 'the answer was lost')
    return post(at, what)
  }

  await expect(makeFolders(call, ['Rome'])).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
  const folderId = await newProcess().makeFolders(call, ['Rome'])

  expect(texts[1]).toBe(texts[0])
  expect(notes).toEqual([null, { actor: 'user', randomId: '7', newestMessageId: 3, attempts: 1 }])
  expect(await ledger.libraryFolder(KEY, ['Rome'])).toMatchObject({ folderId })
})

test('a folder with all that is in it is renamed and moved by one edit', async () => {
  const { changing, token, channel, ledger, addFile, look } = startChanges()
  const { folder } = await changing.makeFolder(token, ['Rome'])
  await changing.makeFolder(token, ['Rome', 'Day'])
  const id = addFile('a.txt', folder.folderId)
  await look()
  channel.requests.length = 0

  const moved = await changing.moveFolder(token, ['Rome'], ['Holidays', 'Roma'])

  expect(moved).toMatchObject({ path: ['Holidays', 'Roma'], files: 1, folderId: folder.folderId })
  expect(await ledger.libraryFile(KEY, id)).toMatchObject({ path: ['Holidays', 'Roma'] })
  expect(await ledger.libraryFolder(KEY, ['Holidays', 'Roma', 'Day'])).not.toBeNull()
  expect(channel.requests).toEqual(['post', 'messages', 'edit'])
  const rows = await ledger.libraryFolder(KEY, ['Holidays', 'Roma'])
  await look()
  expect(await ledger.libraryFolder(KEY, ['Holidays', 'Roma'])).toEqual(rows)
})

test.each([
  [['Rome'], ['Rome', 'Inside'], 'INVALID_REQUEST'],
  [['Rome'], ['Paris'], 'FOLDER_EXISTS'],
  [['Nowhere'], ['Paris 2'], 'FOLDER_NOT_FOUND'],
  [[], ['Paris 2'], 'INVALID_REQUEST'],
  [['Rome'], [], 'INVALID_REQUEST'],
  [['Rome'], Array.from({ length: 100 }, () => 'x'), 'INVALID_REQUEST'],
  // The path to `Day` would have one byte too many.
  [
    ['Rome'],
    [...Array.from({ length: 16 }, () => 'x'.repeat(254)), 'x'.repeat(12)],
    'INVALID_REQUEST',
  ],
])('the folder %j cannot become %j: %s', async (from, to, code) => {
  const { changing, token, channel } = startChanges()
  await changing.makeFolder(token, ['Rome', 'Day'])
  await changing.makeFolder(token, ['Paris'])
  channel.requests.length = 0

  await expect(changing.moveFolder(token, from, to)).rejects.toMatchObject({ code })
  expect(channel.requests).toEqual([])
})

test('two folders that are moved at once, each into the other, close no circle', async () => {
  const { changing, token } = startChanges()
  await changing.makeFolder(token, ['a'])
  await changing.makeFolder(token, ['b'])

  const moved = await Promise.all([
    changing.moveFolder(token, ['a'], ['b', 'a']),
    changing.moveFolder(token, ['b'], ['a', 'b']),
  ])

  // Where the first one lay there is none any more, so the second move makes another one.
  expect(moved.map(({ path }) => path)).toEqual([
    ['b', 'a'],
    ['a', 'b'],
  ])
})

test('of two folders that are moved to one name at once the second is refused', async () => {
  const { changing, token, ledger } = startChanges()
  await changing.makeFolder(token, ['a'])
  await changing.makeFolder(token, ['b'])

  const first = changing.moveFolder(token, ['a'], ['c'])
  const second = changing.moveFolder(token, ['b'], ['c'])

  await expect(second).rejects.toMatchObject({ code: 'FOLDER_EXISTS' })
  expect(await first).toMatchObject({ path: ['c'] })
  expect(await ledger.libraryFolder(KEY, ['b'])).not.toBeNull()
})

test('a file whose caption has the line of a folder is renamed, also as a reader sees it', async () => {
  const { changing, token, channel, look, ledger } = startChanges()
  const line = { id: 'a'.repeat(32), kind: 'folder', folderId: null, name: 'Evil' } as const
  const unknown = { modifiedAt: null, sha256: null, crc32: null }
  const id = channel.add(encodeCaption({ ...line, ...unknown }), { fileName: 'a.txt', size: 5 })
  await look()

  const { file } = await changing.placeFile(token, id, { fileName: 'b.txt', folder: ['Rome'] })
  await look()

  expect(file).toMatchObject({ name: 'b.txt', path: ['Rome'] })
  expect(await ledger.libraryFile(KEY, id)).toEqual(file)
})

test('a folder of whose message people have made something else is gone', async () => {
  const { changing, token, channel, ledger } = startChanges()
  const { folder } = await changing.makeFolder(token, ['Rome'])
  const [messageId = 0] = folder.posts.map((post) => post.messageId)
  channel.change(messageId, 'Our plans')

  const moved = changing.moveFolder(token, ['Rome'], ['Paris'])

  await expect(moved).rejects.toMatchObject({ code: 'FOLDER_NOT_FOUND' })
  expect(channel.list().map(({ text }) => text)).toEqual(['Our plans'])
  expect(await ledger.libraryFolder(KEY, ['Rome'])).toBeNull()
})

test('a file that is deleted while it is renamed does not come back', async () => {
  const { changing, token, channel, ledger, addFile, look } = startChanges()
  const id = addFile('a.txt')
  await look()
  channel.before = async (method) => {
    if (method === 'edit') await ledger.applyToLibrary(KEY, { gone: [id] })
  }

  const renamed = changing.placeFile(token, id, { fileName: 'b.txt' })

  await expect(renamed).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
  expect(await ledger.libraryFile(KEY, id)).toBeNull()
})

test('a message of which people have made something else is not deleted with its folder', async () => {
  const { changing, token, channel, ledger } = startChanges()
  const { folder } = await changing.makeFolder(token, ['Rome'])
  channel.change(folder.posts[0]?.messageId ?? 0, 'Our plans')

  expect(await changing.deleteFolder(token, ['Rome'], { recursive: false })).toBeNull()

  expect(channel.list().map(({ text }) => text)).toEqual(['Our plans'])
  expect(await ledger.libraryFolder(KEY, ['Rome'])).toBeNull()
})

test('a folder stays where it is when it is moved to itself', async () => {
  const { changing, token, channel } = startChanges()
  await changing.makeFolder(token, ['Rome'])
  channel.requests.length = 0

  expect(await changing.moveFolder(token, ['Rome'], ['Rome'])).toMatchObject({ path: ['Rome'] })
  expect(channel.requests).toEqual([])
})

test('an empty folder is deleted, and one that is not empty only with all that is in it', async () => {
  const { changing, token, channel, ledger, addFile, look, queue, heard } = startChanges()
  const { folder } = await changing.makeFolder(token, ['Rome'])
  await changing.makeFolder(token, ['Rome', 'Day'])
  await changing.makeFolder(token, ['Empty'])
  addFile('a.txt', folder.folderId)
  const other = addFile('b.txt')
  await look()

  const refused = changing.deleteFolder(token, ['Rome'], { recursive: false })
  await expect(refused).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY' })
  expect(await changing.deleteFolder(token, ['Empty'], { recursive: false })).toBeNull()
  const job = await changing.deleteFolder(token, ['Rome'], { recursive: true })
  await queue.ended(job?.uploadId ?? '')

  expect(heard.get(job?.uploadId ?? '')).toMatchObject({ status: 'completed', progress: 100 })
  expect(channel.list().map(({ messageId }) => messageId)).toEqual([other])
  expect(await ledger.libraryFolder(KEY, ['Rome'])).toBeNull()
  await expect(changing.deleteFolder(token, ['Rome'], { recursive: true })).rejects.toMatchObject({
    code: 'FOLDER_NOT_FOUND',
  })
})

test('an instance that hands over begins no change', async () => {
  const { changing, token, workGate, channel } = startChanges()
  workGate.startDraining()

  await expect(changing.makeFolder(token, ['Rome'])).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  })
  expect(channel.requests).toEqual([])
})
