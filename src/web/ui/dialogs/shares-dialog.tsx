import { useEffect, useState } from 'preact/hooks'
import type { Client, Share, ShareOptions } from 'telestore-client'
import { announce } from '../../announcer.tsx'
import { countOf, formatTime } from '../../format.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'
import { Dialog } from './dialog.tsx'
import { ShareLink } from './share-link.tsx'
import { ShareChanges } from './share-terms/share-changes.tsx'

export interface SharesDialogProps {
  shares: Client['shares']
  /** Asks whether all links are to end. */
  onRevoke: () => void
  onClose: () => void
  onFailure: (error: unknown) => void
}

/** All shares of the user: how often each was used, its link, and how to take it back. */
export function SharesDialog({ shares, onRevoke, onClose, onFailure }: SharesDialogProps) {
  const [list, setList] = useState<readonly Share[] | null>(null)
  const [fault, setFault] = useState('')
  /** The share whose link, or whose terms, are shown. */
  const [shown, setShown] = useState<{ id: string; part: 'link' | 'terms' } | null>(null)
  /** The share that is going to end, once that is said again. */
  const [asked, setAsked] = useState<string | null>(null)

  async function attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      setFault('')
      setList(await shares.list())
    } catch (error) {
      onFailure(error)
      setFault(error instanceof Error ? error.message : String(error))
    }
  }
  useEffect(() => void attempt(async () => {}), [shares])

  async function end({ id }: Share): Promise<void> {
    if (asked !== id) return setAsked(id)
    setAsked(null)
    await attempt(() => shares.end(id))
    announce('The share has ended')
  }

  async function change({ id }: Share, changes: ShareOptions): Promise<void> {
    await attempt(async () => {
      await shares.change(id, changes)
      setShown(null)
      announce('The share is changed')
    })
  }

  const isShown = ({ id }: Share, part: 'link' | 'terms'): boolean =>
    shown?.id === id && shown.part === part
  const toggle = (share: Share, part: 'link' | 'terms'): void =>
    setShown(isShown(share, part) ? null : { id: share.id, part })

  return (
    <Dialog title="Shares" onClose={onClose}>
      <p role="alert" class="fault">
        {fault}
      </p>
      {list === null && fault === '' && <p class="dim">Opening…</p>}
      {list?.length === 0 && (
        <p class="dim">Nothing is shared. Select files or a folder, and then “Share”.</p>
      )}
      <ul class="rows">
        {list?.map((share) => (
          <li key={share.id} class={share.state === 'open' ? 'row' : 'row share-over'}>
            <span class="row-icon">
              <Icon name={iconOf(share)} />
            </span>
            <div>
              <p class="name">
                <bdi>{nameOf(share)}</bdi>
              </p>
              <p class="dim small">{factsOf(share)}</p>
            </div>
            <div class="row-actions">
              {share.state !== 'ended' && (
                <>
                  <Button
                    icon={isShown(share, 'link') ? 'less' : 'link'}
                    words="unseen"
                    of={nameOf(share)}
                    isExpanded={isShown(share, 'link')}
                    onClick={() => toggle(share, 'link')}
                  >
                    Link
                  </Button>
                  <Button
                    icon={isShown(share, 'terms') ? 'less' : 'rename'}
                    words="unseen"
                    of={nameOf(share)}
                    isExpanded={isShown(share, 'terms')}
                    onClick={() => toggle(share, 'terms')}
                  >
                    Change
                  </Button>
                  <Button
                    icon="delete"
                    words={asked === share.id ? 'shown' : 'unseen'}
                    look={asked === share.id ? 'danger' : 'plain'}
                    of={nameOf(share)}
                    onClick={() => void end(share)}
                  >
                    {asked === share.id ? 'End it?' : 'End'}
                  </Button>
                </>
              )}
            </div>
            {shown?.id === share.id && (
              <div class="share-shown">
                {shown.part === 'link' ? (
                  <ShareLink share={share} />
                ) : (
                  <ShareChanges share={share} onSave={(changes) => change(share, changes)} />
                )}
              </div>
            )}
          </li>
        ))}
      </ul>
      <div class="buttons">
        <Button icon="link" onClick={onRevoke}>
          Revoke all links
        </Button>
      </div>
    </Dialog>
  )
}

function iconOf({ items }: Share): 'folder' | 'other' | 'archive' {
  if (items === null) return 'folder'
  return items.length === 1 ? 'other' : 'archive'
}

function nameOf({ title, folder, fileName, items }: Share): string {
  if (title !== null) return title
  if (items === null) return folder ?? 'A folder that is gone'
  const more = items.length > 1 ? ` and ${items.length - 1} more` : ''
  return `${fileName ?? 'A file that is gone'}${more}`
}

function factsOf(share: Share): string {
  const { downloads, maxDownloads, hasPassword } = share
  const used =
    maxDownloads === null
      ? countOf(downloads, 'download')
      : `${downloads} of ${countOf(maxDownloads, 'download')}`
  return [stateOf(share), used, ...(hasPassword ? ['password'] : [])].join(' · ')
}

function stateOf({ state, expiresAt }: Share): string {
  if (state === 'open') return `until ${formatTime(expiresAt)}`
  if (state === 'used-up') return 'used up'
  if (state === 'signed-out') return 'waits for your sign-in'
  return state === 'expired' ? `expired ${formatTime(expiresAt)}` : 'ended'
}
