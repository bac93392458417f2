import { styleText } from 'node:util'
import type { Config } from './config/config.ts'
import type { Terminal } from './terminal-log.ts'

export interface BannerWords {
  /** Where this machine reaches the worker. */
  address: string
  config: Pick<Config, 'mode' | 'dataDir' | 'publicUrl' | 'host'>
}

/** Tells a person at a terminal what they need to know of a worker that has started. */
export function showBanner(terminal: Terminal, words: BannerWords): void {
  const lines = rowsOf(words).map(([label, text]) => {
    const name = styleText('dim', label.padEnd(8), { stream: terminal })
    return `  ${name}${text}\n`
  })
  const title = styleText('bold', 'TeleStore Worker', { stream: terminal })
  terminal.write(`\n  ${title}\n\n${lines.join('')}\n`)
}

/** No secret is among them: of tokens only the demo's is named, which everybody may know. */
function rowsOf({ address, config }: BannerWords): Row[] {
  const { publicUrl, host } = config
  const others = /^(0\.0\.0\.0|::)$/.test(host) ? ", and by this machine's other addresses" : ''
  // No browser opens the address that stands for all of them.
  const rows: Row[] = [['Open', `${address.replace('[::]', 'localhost')}${others}`]]
  if (publicUrl !== null) rows.push(['Public', publicUrl])
  rows.push(['Token', TOKENS[config.mode.kind]], ['Mode', modeWords(config)])
  return rows
}

type Row = [label: string, text: string]

const TOKENS = {
  embedded: 'demo, or any other that begins so',
  standalone: 'one of AUTH_TOKENS',
  backend: 'the login token of a TeleStore user',
}

function modeWords({ mode, dataDir }: BannerWords['config']): string {
  if (mode.kind === 'backend') return "backend: each user's own Telegram"
  if (mode.kind === 'standalone') return 'standalone: one Telegram account for all tokens'
  return `embedded: nothing is configured, so it brings a Telegram of its own. Files are in ${dataDir}`
}
