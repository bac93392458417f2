import { describeCipher, loadCipher } from '../../telegram/mtproto/connection/encryption/cipher.ts'
import type { DoctorContext } from './check.ts'

const HOW_TO_COMPILE =
  'With a C compiler (`apt-get install gcc`), `npm run native` makes the faster one.'

/** Tells what will encrypt: a slow cipher is no fault, and costs most where CPU is dear. */
export function checkCipher({ config, report }: DoctorContext): void {
  const choice = loadCipher({ native: config.native })
  const advice = config.native ? HOW_TO_COMPILE : undefined
  report({
    check: 'Encryption',
    text: describeCipher(choice),
    ...(choice.kind === 'native' ? { verdict: 'ok' } : { verdict: 'note', advice }),
  })
}
