import {
  createSpeedMeter,
  type Download,
  type DownloadOptions,
  TeleStoreError,
} from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { chooseTarget } from '../target.ts'
import { formatBytes, formatSeconds } from '../terminal/bars.ts'
import { createDownloadReporter } from '../terminal/reporter.ts'
import { alreadyThere, exists, openPart, type PartFile } from './part-file.ts'

/** Downloads the file of a message, to a file or to standard output. */
export async function download(
  command: CommandOf<'download'>,
  context: CommandContext,
): Promise<number> {
  const answer = await context.client.download(command.messageId, optionsOf(command, context))
  if (command.output === '-') await toOutput(command, context, answer)
  else await toFile(command, context, answer)
  return 0
}

async function toOutput(
  command: CommandOf<'download'>,
  context: CommandContext,
  answer: Download,
): Promise<void> {
  const name = answer.fileName ?? String(command.messageId)
  await receive(command, context, { answer, name, before: 0, take: context.screen.write })
}

async function toFile(
  command: CommandOf<'download'>,
  context: CommandContext,
  answer: Download,
): Promise<void> {
  const { screen } = context
  const startedAt = Date.now()
  const served = command.fileName ?? answer.fileName ?? `file-${command.messageId}`
  const target = await chooseTarget(command.output, served)
  if (!command.force && (await exists(target))) {
    await answer.body.cancel()
    throw alreadyThere(target)
  }
  const part = await openPart(target, answer)
  const before = part.size
  try {
    const rest = await restOf(command, context, { answer, part })
    if (rest) {
      await receive(command, context, { answer: rest, name: target, before, take: part.append })
    }
    // The client has checked what came in one piece.
    if (before > 0) await checkPart(answer, part)
    await part.finish(command.force)
  } catch (error) {
    if (error instanceof TeleStoreError && error.code === 'FILE_DAMAGED') await part.discard()
    throw error
  } finally {
    await part.close()
  }
  const { size, etag, mimeType, sha256 } = answer
  const bytes = part.size
  if (command.json) {
    const { messageId } = command
    screen.print(
      JSON.stringify({ ok: true, messageId, file: target, bytes, size, etag, mimeType, sha256 }),
    )
    return
  }
  const took = formatSeconds((Date.now() - startedAt) / 1000)
  const kept = before > 0 ? `, ${formatBytes(before)} of it here before` : ''
  screen.print(`${printable(target)}: ${formatBytes(bytes)} in ${took}${kept}`)
}

/** Rejects with FILE_DAMAGED where bytes of several tries do not make the file. */
async function checkPart({ sha256, range, size }: Download, part: PartFile): Promise<void> {
  const isWhole = range.start === 0 && range.end === size - 1
  if (!isWhole || sha256 === null || (await part.sha256()) === sha256) return
  throw new TeleStoreError('FILE_DAMAGED', 'The file was damaged on its way. Download it again')
}

/** Returns the answer with the bytes that are missing in the part file; null when none is missing. */
async function restOf(
  command: CommandOf<'download'>,
  context: CommandContext,
  { answer, part }: { answer: Download; part: PartFile },
): Promise<Download | null> {
  if (part.size === 0) return answer
  await answer.body.cancel()
  const start = answer.range.start + part.size
  const { end } = answer.range
  if (start > end || answer.etag === null) return null
  const rest = await context.client.download(command.messageId, {
    ...optionsOf(command, context),
    range: { start, end },
    ifRange: answer.etag,
  })
  if (rest.range.start === start) return rest
  await rest.body.cancel()
  throw new TeleStoreError('FILE_CHANGED', 'The file has changed just now. Try again')
}

interface Receiving {
  answer: Download
  name: string
  /** Bytes that an earlier try has stored. */
  before: number
  take: (bytes: Uint8Array) => Promise<void>
}

async function receive(
  { quiet }: CommandOf<'download'>,
  { screen }: CommandContext,
  { answer, name, before, take }: Receiving,
): Promise<void> {
  const reporter = createDownloadReporter(screen)
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

function optionsOf(
  { range, fileName, fileId }: CommandOf<'download'>,
  { signal }: CommandContext,
): DownloadOptions {
  return {
    signal,
    ...(range && { range }),
    ...(fileName !== null && { fileName }),
    ...(fileId !== null && { fileId }),
  }
}
