import { useState } from 'preact/hooks'
import type { Share, ShareOptions } from 'telestore-client'
import { Field, Lifetimes } from './share-fields.tsx'

export interface ShareChangesProps {
  share: Share
  /** Resolves when the share is changed, or its failure is shown. */
  onSave: (changes: ShareOptions) => Promise<void>
}

/** The terms of a share, to change them. */
export function ShareChanges({ share, onSave }: ShareChangesProps) {
  const [seconds, setSeconds] = useState<number | null>(null)
  const [dropsPassword, setDropsPassword] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const { title, hasPassword, maxDownloads } = share

  async function save(form: HTMLFormElement): Promise<void> {
    const fields = new FormData(form)
    const text = (name: string): string => String(fields.get(name) ?? '')
    const limit = Number(text('maxDownloads'))
    const password = text('password')
    setBusy(true)
    await onSave({
      ...(seconds !== null && { expiresIn: seconds }),
      title: text('title') || null,
      maxDownloads: limit > 0 ? limit : null,
      // The page does not know the password: an empty field leaves it as it is.
      ...(dropsPassword ? { password: null } : password !== '' && { password }),
    })
    setBusy(false)
  }

  return (
    <form
      class="share-terms"
      onSubmit={(event) => {
        event.preventDefault()
        if (!isBusy) void save(event.currentTarget)
      }}
    >
      <Lifetimes
        label="How long the link works from now on"
        chosen={seconds}
        onStay={() => setSeconds(null)}
        onChoose={setSeconds}
      />
      <Field
        name="title"
        label="Title, for those who open it"
        value={title ?? ''}
        maxLength={200}
      />
      {!dropsPassword && (
        <Field
          name="password"
          label={hasPassword ? 'Another password' : 'Password'}
          maxLength={256}
        />
      )}
      {hasPassword && (
        <label class="choice">
          <input
            type="checkbox"
            checked={dropsPassword}
            onChange={({ currentTarget }) => setDropsPassword(currentTarget.checked)}
          />
          <span>No password any more</span>
        </label>
      )}
      <Field
        name="maxDownloads"
        label="Downloads at most, with those that were had"
        value={maxDownloads === null ? '' : String(maxDownloads)}
        isNumber
      />
      <div class="buttons">
        <button type="submit" class="button main" aria-disabled={isBusy}>
          {isBusy ? 'Saving…' : 'Save'}
        </button>
      </div>
    </form>
  )
}
