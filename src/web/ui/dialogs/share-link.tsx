import { useRef, useState } from 'preact/hooks'
import type { Share } from 'telestore-client'
import { formatDate } from '../../format.ts'
import { copyText } from '../../library/links.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { QrCode } from './qr-code.tsx'

/** The whole address of a share. */
export function linkTo({ link }: Share): string {
  return new URL(link, location.href).href
}

export interface ShareLinkProps {
  share: Share
  /** When it was wanted to end, where that is later than it does. */
  wantedUntil?: number | undefined
}

/** The link of a share: to copy, to send, and as a code for phones. */
export function ShareLink({ share, wantedUntil = 0 }: ShareLinkProps) {
  const [words, setWords] = useState('')
  const field = useRef<HTMLInputElement>(null)
  const link = linkTo(share)
  const until = share.expiresAt.getTime()

  async function copy(): Promise<void> {
    const isCopied = field.current !== null && (await copyText(link, field.current))
    setWords(isCopied ? 'Copied.' : 'The browser does not let this page copy: copy from the field.')
  }

  return (
    <>
      <div class="share-link">
        <div class="with-button">
          <input
            ref={field}
            class="field"
            readOnly
            value={link}
            aria-label="Link"
            onFocus={({ currentTarget }) => currentTarget.select()}
          />
        </div>
        <div class="buttons">
          <Button icon="copy" look="main" onClick={() => void copy()}>
            Copy link
          </Button>
          {'share' in navigator && (
            <Button icon="link" onClick={() => void navigator.share({ url: link }).catch(() => {})}>
              Send
            </Button>
          )}
          <a class="button plain" href={link} target="_blank" rel="noopener noreferrer">
            <Icon name="open" />
            Open
          </a>
        </div>
        <p role="status" class="sentence">
          {words}
        </p>
        <p class="dim small">
          {share.hasPassword
            ? 'Everyone who has the link and the password can open it'
            : 'Everyone who has the link can open it'}{' '}
          until {formatDate(share.expiresAt)}.
          {wantedUntil > until + 60_000 &&
            ' It ends with your sign-in, and goes on when you sign in again.'}
        </p>
      </div>
      <QrCode text={link} label="The link as a QR code" />
    </>
  )
}
