import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DownloadService, FoundFile } from '../../core/downloads/download-service.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import { type Deliver, type Delivered, refusesSha256 } from './delivery.ts'
import { etagOf } from './download-answer.ts'

export interface FileDeliveryOptions {
  downloads: Pick<DownloadService, 'read'>
  metrics: Pick<Metrics, 'downloaded'>
  deliver: Deliver
}

/** A file of a channel that is on its way to a reader who may have it. */
export interface DeliveredFile extends Pick<Delivered, 'onFirstByte'> {
  request: FastifyRequest
  reply: FastifyReply
  found: FoundFile
  disposition: 'inline' | 'attachment'
  /** Instead of its name in the library. */
  fileName?: string | undefined
  /** Aborts when the client leaves. */
  signal: AbortSignal
}

/** Rejects as `Deliver` does. */
export type DeliverFile = (delivered: DeliveredFile) => Promise<FastifyReply>

/** Returns what answers with a file of a channel, in every route that has found one. */
export function createFileDelivery(options: FileDeliveryOptions): DeliverFile {
  const { downloads, metrics, deliver } = options

  return ({ found, disposition, fileName, signal, ...rest }) => {
    const { file, owner } = found
    const { id, size, modifiedAt, mimeType, road } = file
    return deliver({
      ...rest,
      file: {
        etag: etagOf(file),
        size,
        modifiedAt,
        fileName: fileName ?? file.listedName ?? file.fileName ?? `file-${id}`,
        mimeType,
        disposition,
        sha256: refusesSha256(rest.request) ? null : found.sha256,
        hasRanges: true,
      },
      owner,
      read: (range) => downloads.read(file, range, signal),
      signal,
      onSent: ({ outcome, sent }) => metrics.downloaded({ outcome, road, bytes: sent }),
    })
  }
}
