"""Work in the background: the queue, its worker, and the tasks that call actions. No task knows how it came to be started."""
