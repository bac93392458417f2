import type { KnownShare } from '../../core/ports/shares.ts'
import type { ShareContents } from '../../core/shares/share-door.ts'

/**
 * The policy of a share's page: scripts, styles and files of this origin. Nothing is inline, nothing
 * comes from elsewhere, and no page may frame it.
 */
export const SHARE_PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface ShownShare {
  share: KnownShare
  contents: ShareContents
}

const TITLE = /<title>[^<]*<\/title>/

/**
 * Puts into the page what apps show of a link before it is opened. Of a share with a password it
 * says nothing: `shown` is null.
 */
export function fillSharePage(html: string, shown: ShownShare | null): string {
  const { title, description } = shown === null ? LOCKED : summaryOf(shown)
  const head = [
    `<title>${escaped(title)}</title>`,
    ...[
      ['og:title', title],
      ['og:description', description],
      ['og:type', 'website'],
      ['og:site_name', 'TeleStore'],
    ].map(([name, text = '']) => `<meta property="${name}" content="${escaped(text)}">`),
  ].join('\n    ')
  return html.replace(TITLE, () => head)
}

const LOCKED = {
  title: 'Files for you',
  description: 'A password opens them.',
}

function summaryOf({ share, contents }: ShownShare): { title: string; description: string } {
  const { files, total } = contents
  const [only] = files
  const isOne = share.content.kind === 'files' && share.content.messageIds.length === 1
  const name = isOne && only ? only.name : 'Files for you'
  const many = total.files === 1 ? '1 file' : `${total.files} files`
  return { title: share.title ?? name, description: `${many}, ${sizeOf(total.bytes)}` }
}

function sizeOf(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** power
  return `${value.toFixed(power === 0 || value >= 10 ? 0 : 1)} ${units[power]}`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
