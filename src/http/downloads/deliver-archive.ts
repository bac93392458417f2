import type { FastifyRequest } from 'fastify'
import type { ArchiveRequest, FoundArchive } from '../../core/archives/archive-service.ts'
import type { Metrics } from '../../core/ports/metrics.ts'
import type { Deliver, Delivered } from './delivery.ts'

export interface ArchiveDeliveryOptions {
  metrics: Pick<Metrics, 'archived'>
  deliver: Deliver
}

/** An archive that is on its way to a reader who may have it. */
export interface DeliveredArchive
  extends Pick<Delivered, 'request' | 'reply' | 'signal' | 'onFirstByte'> {
  found: FoundArchive
  /** Instead of the name that its list has. */
  fileName?: string | undefined
}

/** Rejects as `Deliver` does. */
export type DeliverArchive = (delivered: DeliveredArchive) => ReturnType<Deliver>

/** Returns what answers with an archive, in every route that has found one. */
export function createArchiveDelivery(options: ArchiveDeliveryOptions): DeliverArchive {
  const { metrics, deliver } = options

  return ({ found, fileName, signal, ...rest }) => {
    const { etag, size, owner, read } = found
    // A part of an older archive must not be continued with bytes of this one.
    const hasRanges = found.hasRanges && !(found.isNew && continuesBlindly(rest.request))
    return deliver({
      ...rest,
      file: {
        ...{ etag, size, hasRanges },
        // A date would not tell two archives of one folder apart.
        modifiedAt: null,
        fileName: fileName ?? found.fileName,
        mimeType: 'application/zip',
        disposition: 'attachment',
        sha256: null,
      },
      owner,
      read: (range) => read(range, signal),
      signal,
      onSent: ({ outcome, sent }) => metrics.archived({ outcome, bytes: sent }),
    })
  }
}

/** Whether a caller asks for a later range and does not say of what. */
function continuesBlindly({ headers }: FastifyRequest): boolean {
  const { range, 'if-range': ifRange, 'if-match': ifMatch } = headers
  const isLater = range !== undefined && !/^bytes=0-/i.test(range.trim())
  return isLater && ifRange === undefined && ifMatch === undefined
}

/** A caller with a condition or a range has begun the archive before. */
export function resuming({ headers }: FastifyRequest): Pick<ArchiveRequest, 'resumes'> {
  const { range, 'if-range': ifRange, 'if-match': ifMatch } = headers
  return { resumes: range !== undefined || ifRange !== undefined || ifMatch !== undefined }
}
