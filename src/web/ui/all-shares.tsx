import { useState } from 'preact/hooks'
import type { Workspace } from '../state/workspace.ts'
import { RevokeDialog, SharesDialog } from './dialogs/lazy-dialogs.ts'

export interface AllSharesProps {
  work: Workspace
  onClose: () => void
}

/** The list of all shares, and the question whether all links are to end. */
export function AllShares({ work, onClose }: AllSharesProps) {
  const [asksToRevoke, setAsksToRevoke] = useState(false)
  const { shares, links, dropRefusedToken } = work
  if (asksToRevoke) {
    return <RevokeDialog links={links} onClose={onClose} onFailure={dropRefusedToken} />
  }
  return (
    <SharesDialog
      shares={shares}
      onRevoke={() => setAsksToRevoke(true)}
      onClose={onClose}
      onFailure={dropRefusedToken}
    />
  )
}
