import { ask } from './ask.ts'
import type { DoctorContext } from './check.ts'

/** Telegram refuses messages from more than 30 s ahead (core.telegram.org/mtproto/description). */
const MAX_SKEW_SECONDS = 30

/** Compares the clock of this machine with the Date of the backend, or of the Bot API. */
export async function checkClock({ config, report, signal }: DoctorContext): Promise<void> {
  const { mode, botApi } = config
  if (mode.kind === 'embedded') return
  const askedAt = Date.now()
  const answer = await ask(mode.kind === 'backend' ? mode.url : botApi.root, signal)
  if (!answer?.date) {
    const text = 'could not be compared: no server told its time'
    return report({ verdict: 'note', check: 'Clock', text })
  }
  // The header is cut to whole seconds, and was written at some moment in between.
  const between = (askedAt + Date.now()) / 2
  const skew = Math.round((between - answer.date.getTime() - 500) / 1000)
  if (Math.abs(skew) <= MAX_SKEW_SECONDS) {
    return report({ verdict: 'ok', check: 'Clock', text: `right within ${Math.abs(skew) + 1} s` })
  }
  report({
    verdict: 'failed',
    check: 'Clock',
    text: `${Math.abs(skew)} s ${skew > 0 ? 'fast' : 'slow'}`,
    advice:
      'Telegram refuses messages of a wrong time, and tokens end early or late.\nSet the clock by NTP, for example `timedatectl set-ntp true`.',
  })
}
