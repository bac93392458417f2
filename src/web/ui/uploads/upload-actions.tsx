import { isFinished, isInterrupted, isLeaving, type UploadFile } from '../../uploads/upload-file.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { Button } from '../button.tsx'

export interface UploadActionsProps {
  file: UploadFile
  uploads: Uploads
  onChoose: () => void
  onRemove: () => void
}

/** What can be done with one upload now. */
export function UploadActions({ file, uploads, onChoose, onRemove }: UploadActionsProps) {
  const removal = isFinished(file) || file.error ? 'Remove from the list' : 'Cancel'
  return (
    <div class="row-actions">
      <MainAction key="main" file={file} uploads={uploads} onChoose={onChoose} />
      <Button key="remove" icon="close" words="unseen" of={file.name} onClick={onRemove}>
        {removal}
      </Button>
    </div>
  )
}

function MainAction({ file, uploads, onChoose }: Omit<UploadActionsProps, 'onRemove'>) {
  const { id, name, error, isGhost, isPaused, meta } = file
  async function goOn(): Promise<void> {
    const opened = meta.reopens && (await uploads.reopen(id))
    if (!opened) onChoose()
  }
  if (isInterrupted(file)) {
    return (
      <Button icon={meta.reopens ? 'play' : 'folder'} of={name} onClick={() => void goOn()}>
        {meta.reopens ? 'Go on' : 'Choose again'}
      </Button>
    )
  }
  if (error && !isGhost) {
    return (
      <Button icon="retry" of={name} onClick={() => uploads.retry(id)}>
        {meta.failure?.code === 'UPLOAD_CANCELLED' ? 'Add again' : 'Retry'}
      </Button>
    )
  }
  if (!isLeaving(file)) return null
  return (
    <Button
      icon={isPaused ? 'play' : 'pause'}
      words="with-room"
      of={name}
      onClick={() => uploads.pauseOrResume(id)}
    >
      {isPaused ? 'Resume' : 'Pause'}
    </Button>
  )
}
