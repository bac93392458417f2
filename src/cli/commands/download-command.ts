import {
  createSpeedMeter,
  type Download,
  type DownloadOptions,
  TeleStoreError,
} from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { Session } from '../run.ts'
import { chooseTarget } from '../target.ts'
import { formatBytes, formatSeconds } from '../terminal/bars.ts'
import { createDownloadReporter } from '../terminal/reporter.ts'
import { alreadyThere, exists, openPart, type PartFile } from './part-file.ts'

/** Brings a message's file back: to a file, or to standard output. */
export async function download(command: CommandOf<'download'>, session: Session): Promise<number> {
  const answer = await session.client.download(command.messageId, optionsOf(command, session))
  if (command.output === '-') await toOutput(command, session, answer)
  else await toFile(command, session, answer)
  return 0
}

async function toOutput(
  command: CommandOf<'download'>,
  session: Session,
  answer: Download,
): Promise<void> {
  const name = answer.fileName ?? String(command.messageId)
  await receive(command, session, { answer, name, before: 0, take: session.screen.write })
}

async function toFile(
  command: CommandOf<'download'>,
  session: Session,
  answer: Download,
): Promise<void> {
  const { screen } = session
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
    const rest = await restOf(command, session, { answer, part })
    if (rest) {
      await receive(command, session, { answer: rest, name: target, before, take: part.append })
    }
    await part.finish(command.force)
  } finally {
    await part.close()
  }
  const { size, etag, mimeType } = answer
  const bytes = part.size
  if (command.json) {
    const { messageId } = command
    screen.print(JSON.stringify({ ok: true, messageId, file: target, bytes, size, etag, mimeType }))
    return
  }
  const took = formatSeconds((Date.now() - startedAt) / 1000)
  const kept = before > 0 ? `, ${formatBytes(before)} of it here before` : ''
  screen.print(`${printable(target)}: ${formatBytes(bytes)} in ${took}${kept}`)
}

/** The answer with the bytes that the part lacks; null when it lacks none. */
async function restOf(
  command: CommandOf<'download'>,
  session: Session,
  { answer, part }: { answer: Download; part: PartFile },
): Promise<Download | null> {
  if (part.size === 0) return answer
  await answer.body.cancel()
  const start = answer.range.start + part.size
  const { end } = answer.range
  if (start > end || answer.etag === null) return null
  const rest = await session.client.download(command.messageId, {
    ...optionsOf(command, session),
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
  /** Bytes that are here already. */
  before: number
  take: (bytes: Uint8Array) => Promise<void>
}

async function receive(
  { quiet }: CommandOf<'download'>,
  { screen }: Session,
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
  { signal }: Session,
): DownloadOptions {
  return {
    signal,
    ...(range && { range }),
    ...(fileName !== null && { fileName }),
    ...(fileId !== null && { fileId }),
  }
}
