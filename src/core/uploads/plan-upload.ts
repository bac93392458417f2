import { AppError } from '../../errors.ts'
import { STREAM_CHUNK_BYTES } from '../model/stream.ts'
import { planVolumes } from '../model/volumes/plan.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { TelegramGateway } from '../ports/telegram.ts'
import type { Capacity } from './capacity.ts'
import type { UserShare } from './intake-refusals.ts'

export interface PlanOptions {
  gateway: Pick<TelegramGateway, 'documentLimits'>
  capacity: Pick<Capacity, 'available' | 'totalBytes'>
  /** The largest volume that the operator allows, in bytes. */
  maxVolumeBytes: number
  /** What one user may have unfinished at one time. */
  perUser: Pick<UserShare, 'maxBytes'>
}

/** How an upload goes to Telegram, and what it takes meanwhile. */
export interface UploadPlan {
  /** Bytes of each of its volumes but the last; null: it goes as one document. */
  readonly volumeBytes: number | null
  /** Bytes of disk that it may need at one moment. */
  readonly reservedBytes: number
}

/**
 * Rejects with FILE_TOO_LARGE for a file that this worker's disk cannot pass on even in volumes, and
 * with SPOOL_FAILED when the disk does not say what it has.
 */
export async function planUpload(
  { gateway, capacity, maxVolumeBytes, perUser }: PlanOptions,
  granted: Credentials,
  { size, chunkBytes }: { size: number; chunkBytes: number },
): Promise<UploadPlan> {
  const limits = gateway.documentLimits(granted)
  const whole: UploadPlan = { volumeBytes: null, reservedBytes: size }
  const shareBytes = perUser.maxBytes
  const { limitBytes, freeBytes } = await capacity.available(0)
  const isOne = size <= limits.documentBytes
  // Most files are; then nothing has to be summed up.
  if (isOne && size <= Math.min(shareBytes, limitBytes, freeBytes)) return whole
  const plan = planVolumes({
    size,
    chunkBytes,
    documentBytes: limits.documentBytes,
    volumeBytes: Math.min(maxVolumeBytes, limits.volumeBytes),
    spoolBytes: await capacity.totalBytes(),
    shareBytes,
  })
  if (plan === null) return whole
  const { volumeBytes, windowBytes } = plan
  // Nothing is gained: it waits until there is room for all of it.
  if (isOne && windowBytes >= size) return whole
  if (windowBytes > Math.min(shareBytes, limitBytes)) {
    const sentence = 'The worker has too little disk for this file in chunks of this size'
    throw new AppError('FILE_TOO_LARGE', sentence, { details: { neededBytes: windowBytes } })
  }
  return { volumeBytes, reservedBytes: windowBytes }
}

/** All bytes of a joined file are on the disk already: only Telegram's limits count. */
export function planJoined(
  { gateway, maxVolumeBytes }: Pick<PlanOptions, 'gateway' | 'maxVolumeBytes'>,
  granted: Credentials,
  size: number,
): number | null {
  const { documentBytes, volumeBytes } = gateway.documentLimits(granted)
  const plan = planVolumes({
    size,
    chunkBytes: STREAM_CHUNK_BYTES,
    documentBytes,
    volumeBytes: Math.min(maxVolumeBytes, volumeBytes),
    spoolBytes: Number.POSITIVE_INFINITY,
    shareBytes: Number.POSITIVE_INFINITY,
  })
  return plan?.volumeBytes ?? null
}
