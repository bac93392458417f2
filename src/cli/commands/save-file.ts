import {
  createSpeedMeter,
  type Download,
  type DownloadRange,
  TeleStoreError,
} from 'telestore-client'
import type { CommandContext } from '../context.ts'
import { createDownloadReporter } from '../terminal/reporter.ts'
import { alreadyThere, exists, openPart, type PartFile } from './part-file.ts'

/** What is downloaded, and where to. */
export interface Saving {
  /** Asks for it, or for a range of what has this ETag. */
  open: (rest: { range?: DownloadRange; ifRange?: string }) => Promise<Download>
  targetFor: (answer: Download) => string | Promise<string>
  /** Overwrites a file that is there. */
  force: boolean
  /** Shows no progress. */
  quiet: boolean
  /** A tree may have thousands of files, so each gets fewer lines. */
  isOneOfMany?: boolean
}

export interface Saved {
  target: string
  answer: Download
  /** Bytes that this run wrote, and those that an earlier one has left. */
  bytes: number
  before: number
}

/**
 * Downloads into a part file, which the next run goes on with, and names it when it is whole. Rejects with
 * `alreadyThere`, and with FILE_DAMAGED where bytes of several tries do not make the file.
 */
export async function saveFile(context: CommandContext, saving: Saving): Promise<Saved> {
  const answer = await saving.open({})
  const target = await saving.targetFor(answer)
  if (!saving.force && (await exists(target))) {
    await answer.body.cancel()
    throw alreadyThere(target)
  }
  const part = await openPart(target, answer)
  // What comes only whole comes from its start.
  if (answer.headers.get('accept-ranges') === 'none') await part.discard()
  const before = part.size
  try {
    const rest = await restOf(saving, { answer, part })
    if (rest) {
      const { quiet, isOneOfMany } = saving
      const { append: take } = part
      const how = { quiet, ...(isOneOfMany && { isOneOfMany }) }
      await receive(context, { answer: rest, name: target, before, take, ...how })
    }
    // The client has checked what came in one piece.
    if (before > 0) await checkPart(answer, part)
    await part.finish(saving.force)
  } catch (error) {
    if (error instanceof TeleStoreError && error.code === 'FILE_DAMAGED') await part.discard()
    throw error
  } finally {
    await part.close()
  }
  return { target, answer, bytes: part.size, before }
}

async function checkPart({ sha256, range, size }: Download, part: PartFile): Promise<void> {
  const isWhole = range.start === 0 && range.end === size - 1
  if (!isWhole || sha256 === null || (await part.sha256()) === sha256) return
  throw new TeleStoreError('FILE_DAMAGED', 'The file was damaged on its way. Download it again')
}

/** Returns the answer with the bytes that are missing in the part file; null when none is missing. */
async function restOf(
  { open }: Saving,
  { answer, part }: { answer: Download; part: PartFile },
): Promise<Download | null> {
  if (part.size === 0) return answer
  await answer.body.cancel()
  const start = answer.range.start + part.size
  const { end } = answer.range
  if (start > end || answer.etag === null) return null
  const rest = await open({ range: { start, end }, ifRange: answer.etag })
  if (rest.range.start === start) return rest
  await rest.body.cancel()
  throw new TeleStoreError('FILE_CHANGED', 'The file has changed just now. Try again')
}

export interface Receiving {
  answer: Download
  name: string
  /** Bytes that an earlier try has stored. */
  before: number
  take: (bytes: Uint8Array) => Promise<void>
  quiet: boolean
  isOneOfMany?: boolean
}

/** Takes the bytes of an answer, and shows how far it is. */
export async function receive(
  { screen }: CommandContext,
  { answer, name, before, take, quiet, isOneOfMany = false }: Receiving,
): Promise<void> {
  const reporter = createDownloadReporter(screen, { isOneOfMany })
  const meter = createSpeedMeter()
  const { start, end } = answer.range
  const totalBytes = before + end - start + 1
  let receivedBytes = before
  let toldAt = 0
  try {
    for await (const bytes of answer.body) {
      await take(bytes)
      receivedBytes += bytes.length
      meter.note(receivedBytes)
      if (quiet || Date.now() - toldAt < 100) continue
      toldAt = Date.now()
      reporter.tell({ fileName: name, receivedBytes, totalBytes, speed: meter.read() })
    }
  } finally {
    reporter.end()
  }
}
