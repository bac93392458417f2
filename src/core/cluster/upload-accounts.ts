import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { LeaseName } from '../ports/cluster/leases.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { TelegramGateway } from '../ports/telegram.ts'

export interface UploadAccountsOptions {
  ledger: Pick<Ledger, 'uploadToken'>
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  gateway: Pick<TelegramGateway, 'leaseOf'>
}

/** Under which lease each upload is carried. */
export interface UploadAccounts {
  /** Rejects where that cannot be known now: with BACKEND_UNAVAILABLE, or as the ledger does. */
  of: (uploadId: string) => Promise<LeaseName>
  /** Asks again the next time: another account may be connected by now. */
  forget: (uploadId: string) => void
}

/** A node hears each second of uploads that it may not carry: it does not ask whose they are each time. */
const REMEMBERED_MS = 60_000
const MAX_REMEMBERED = 20_000

export function createUploadAccounts(options: UploadAccountsOptions): UploadAccounts {
  const { ledger, credentials, gateway } = options
  const known = createTtlCache<LeaseName>({ maxEntries: MAX_REMEMBERED })

  async function find(uploadId: string): Promise<LeaseName> {
    // Without an account it only fails, which one node has to say.
    const nobodys = `job:${uploadId}`
    const token = await ledger.uploadToken(uploadId)
    if (token === null) return nobodys
    try {
      return gateway.leaseOf(await credentials.forRunningUpload(token)) ?? nobodys
    } catch (error) {
      if (error instanceof AppError && !error.retryable) return nobodys
      throw error
    }
  }

  return {
    of: (uploadId) =>
      known.load(
        uploadId,
        () => find(uploadId),
        () => REMEMBERED_MS,
      ),
    forget: known.delete,
  }
}
