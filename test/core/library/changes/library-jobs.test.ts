import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { decodeCaption } from '../../../../src/core/model/caption.ts'
import { AppError, shuttingDown } from '../../../../src/errors.ts'
import { KEY, startChanges } from './setup.ts'

const unavailable = new AppError('TELEGRAM_UNAVAILABLE', 'Telegram fails')
const flood = new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter: 3600 })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a thousand files are deleted by ten requests', async () => {
  const { changing, token, channel, queue, addFile, look, heard } = startChanges()
  const ids = Array.from({ length: 1000 }, (_, index) => addFile(`${index}`))
  const kept = addFile('kept')
  await look()

  const opened = await changing.startJob(token, { kind: 'delete', messageIds: ids, folder: null })
  await queue.ended(opened.uploadId)

  expect(opened).toMatchObject({ status: 'uploading', phase: 'queued', progress: 0 })
  expect(channel.requests).toEqual(Array.from({ length: 10 }, () => 'remove'))
  expect(channel.list().map(({ messageId }) => messageId)).toEqual([kept])
  expect(heard.get(opened.uploadId)).toMatchObject({
    ...{ status: 'completed', progress: 100, phase: 'completed', error: null },
  })
})

test('files are moved into a folder, which is made once', async () => {
  const { changing, token, channel, queue, addFile, look, ledger } = startChanges()
  const ids = [addFile('a'), addFile('b')]
  await look()

  const wanted = { kind: 'move', messageIds: ids, folder: ['Rome'] } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  const rows = await Promise.all(ids.map((id) => ledger.libraryFile(KEY, id)))
  expect(rows).toMatchObject([{ path: ['Rome'] }, { path: ['Rome'] }])
  expect(channel.requests.filter((method) => method === 'post')).toHaveLength(1)
})

test('a copy is a post of the same document, with an id of its own and all that was known', async () => {
  const { changing, token, channel, queue, look, ledger } = startChanges()
  const sha256 = 'ab'.repeat(32)
  const line = `Rome!\n#telestore v=1 id=${'1'.repeat(32)} kind=file sha256=${sha256} name=a`
  const id = channel.add(line, { fileName: 'a', size: 10, id: 'document' })
  await look()

  const wanted = { kind: 'copy', messageIds: [id], folder: ['Copies'] } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  const copy = channel.list().at(-1)
  expect(copy).toMatchObject({
    document: { id: 'document' },
    text: expect.stringMatching(/^Rome!/),
  })
  expect(decodeCaption(copy?.text ?? '', null)).toMatchObject({ name: 'a', sha256 })
  expect(decodeCaption(copy?.text ?? '', null)?.id).not.toBe('1'.repeat(32))
  const row = await ledger.libraryFile(KEY, copy?.messageId ?? 0)
  expect(row).toMatchObject({ path: ['Copies'], name: 'a', sha256, size: 10 })
  await look()
  expect(await ledger.libraryFile(KEY, copy?.messageId ?? 0)).toEqual(row)
})

test('every try of a copy posts the same, with the note of the first one', async () => {
  const { changing, token, channel, queue, addFile, look, newProcess } = startChanges()
  const id = addFile('a')
  await look()
  const texts: string[] = []
  const notes: unknown[] = []
  const { post } = channel
  const note = { actor: 'user', randomId: '7', newestMessageId: 3, attempts: 1 } as const
  channel.post = async (at, what) => {
    texts.push(what.text)
    notes.push(await what.journal.load())
    await what.journal.save(note)
    if (texts.length === 1) throw unavailable
    return post(at, what)
  }

  const wanted = { kind: 'copy', messageIds: [id], folder: [] } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.waitFor(() => expect(texts).toHaveLength(1))
  await queue.close(shuttingDown())
  const next = newProcess()
  await next.jobs.resume()
  await next.queue.ended(uploadId)

  expect(texts).toHaveLength(2)
  expect(texts[1]).toBe(texts[0])
  expect(notes).toEqual([null, note])
  expect(channel.list()).toHaveLength(2)
})

test('a job waits as long as Telegram asks, says so, and then goes on', async () => {
  const { changing, token, channel, queue, addFile, look, heard } = startChanges()
  const id = addFile('a')
  await look()
  let floods = 1
  channel.before = async () => {
    if (floods-- > 0) throw flood
  }

  const wanted = { kind: 'delete', messageIds: [id], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.waitFor(() =>
    expect(heard.get(uploadId)).toMatchObject({ phase: 'waiting', status: 'uploading' }),
  )
  expect(heard.get(uploadId)?.retryAfter).toBeGreaterThanOrEqual(3600)
  await vi.advanceTimersByTimeAsync(2 * 3_600_000)
  await queue.ended(uploadId)

  expect(heard.get(uploadId)).toMatchObject({ status: 'completed' })
  expect(channel.list()).toEqual([])
})

test('the progress of a job does not go back when Telegram asks to wait', async () => {
  const { changing, token, channel, queue, addFile, look, board } = startChanges()
  const ids = ['a', 'b', 'c'].map((name) => addFile(name))
  await look()
  const seen: number[] = []
  board.subscribe({ owner: 'ann' }, (progress) => void seen.push(progress?.progress ?? 0))
  let edits = 0
  channel.before = async (method) => {
    if (method === 'edit' && ++edits === 3) throw flood
  }

  const wanted = { kind: 'move', messageIds: ids, folder: ['Rome'] } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.advanceTimersByTimeAsync(2 * 3_600_000)
  await queue.ended(uploadId)

  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen.at(-1)).toBe(100)
})

test('what cannot be changed leaves the others, and the job says how many there were', async () => {
  const { changing, token, channel, queue, addFile, look, heard, ledger } = startChanges()
  const [a, gone, b] = [addFile('a'), addFile('gone'), addFile('b')]
  await look()
  channel.drop(gone)

  const wanted = { kind: 'move', messageIds: [a, gone, b], folder: ['Rome'] } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  const reason = '1 of 3 could not be changed. There is no such file in the channel'
  expect(heard.get(uploadId)).toMatchObject({
    ...{ status: 'failed', phase: 'failed', reason, error: `Move failed: ${reason}` },
  })
  expect(await ledger.libraryFile(KEY, b)).toMatchObject({ path: ['Rome'] })
})

test('what no account may delete is told, and stays in the rows', async () => {
  const { changing, token, channel, queue, addFile, look, heard, ledger } = startChanges()
  const [a, b] = [addFile('a'), addFile('b')]
  await look()
  channel.refuses = [a]

  const wanted = { kind: 'delete', messageIds: [a, b], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  expect(heard.get(uploadId)?.reason).toMatch(/^1 of 2 could not be changed. No Telegram account/)
  expect(await ledger.libraryFile(KEY, a)).not.toBeNull()
  expect(await ledger.libraryFile(KEY, b)).toBeNull()
})

test('a number that is no file of the library deletes nothing', async () => {
  const { changing, token, channel, queue, addFile, look, ledger } = startChanges()
  const words = channel.add('Only words')
  const unseen = addFile('posted a moment ago')
  await look()
  await ledger.applyToLibrary(KEY, { gone: [unseen] })

  const ids = [words, unseen, 777, unseen]
  const wanted = { kind: 'delete', messageIds: ids, folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  expect(channel.list().map(({ messageId }) => messageId)).toEqual([words])
})

test('failures that may pass are tried a few times, and then end the job', async () => {
  const { changing, token, channel, queue, addFile, look, heard } = startChanges()
  const id = addFile('a')
  await look()
  channel.before = async () => {
    throw unavailable
  }

  const wanted = { kind: 'delete', messageIds: [id], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.advanceTimersByTimeAsync(10 * 60_000)
  await queue.ended(uploadId)

  expect(channel.requests).toEqual(['remove', 'remove', 'remove'])
  expect(heard.get(uploadId)).toMatchObject({
    ...{ status: 'failed', error: 'Delete failed: Telegram fails' },
  })
})

test('in another channel a job changes nothing: its numbers mean other messages there', async () => {
  const { changing, token, channel, queue, addFile, look, heard, granted } = startChanges()
  const id = addFile('a')
  await look()
  channel.before = async () => {
    granted.channelId = '-1002'
    throw unavailable
  }

  const wanted = { kind: 'delete', messageIds: [id], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.advanceTimersByTimeAsync(60_000)
  await queue.ended(uploadId)

  expect(channel.requests).toEqual(['remove'])
  expect(heard.get(uploadId)).toMatchObject({
    reason: 'Another channel is connected by now',
  })
})

test('a job of which everything was done before a restart ends after it', async () => {
  const { changing, token, channel, queue, addFile, look, newProcess, ledger } = startChanges()
  const id = addFile('a')
  await look()
  channel.before = async () => {
    throw unavailable
  }
  const wanted = { kind: 'delete', messageIds: [id], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await vi.waitFor(() => expect(channel.requests).toHaveLength(1))
  await queue.close(shuttingDown())
  channel.before = async () => {}
  // Telegram had done it before the process died.
  channel.drop(id)
  await look()

  const next = newProcess()
  await next.jobs.resume()
  await next.queue.ended(uploadId)

  expect(await ledger.libraryJob(uploadId)).toMatchObject({ state: 'completed', done: 1 })
})

test('another user’s job is not found', async () => {
  const { changing, token, addFile, look, granted } = startChanges()
  const id = addFile('a')
  await look()
  const wanted = { kind: 'delete', messageIds: [id], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)

  expect(await changing.progress(uploadId, null)).toMatchObject({ uploadId })
  granted.userId = 'bob'
  await expect(changing.progress(uploadId, 'token')).rejects.toMatchObject({
    code: 'UPLOAD_NOT_FOUND',
  })
})
