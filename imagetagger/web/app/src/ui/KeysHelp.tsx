import { Dialog } from "./Dialog";
import styles from "./KeysHelp.module.css";
import { useWords } from "./language";

/** The keys of the app, in a dialog. */
export function KeysHelp({ onClose }: { onClose(): void }) {
  const { app } = useWords();
  return (
    <Dialog title={app.keysTitle} onClose={onClose}>
      <dl class={styles.keys}>
        {app.keys.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
