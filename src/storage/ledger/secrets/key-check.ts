import type { Log } from '../../../core/ports/log.ts'
import type { SecretRecords } from './secrets.ts'

const NAME = 'key-check'
const PLAIN = Buffer.from('this is the key')

/**
 * Says when the ledger was written with another key. Nothing is refused then: a key may be changed
 * on purpose, and all that is not secret is as good as before.
 */
export function checkKey(
  secrets: Pick<SecretRecords, 'secret' | 'saveSecret'>,
  { isNew, log }: { isNew: boolean; log: Log },
): void {
  if (secrets.secret(NAME)?.equals(PLAIN)) return
  if (!isNew) {
    log.warn(
      {},
      'the ledger was written with another LEDGER_KEY or key file: complete uploads that wait for Telegram will fail with "Sign in again", and links made before are void',
    )
  }
  secrets.saveSecret(NAME, PLAIN)
}
