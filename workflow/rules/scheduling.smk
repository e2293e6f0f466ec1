# How often Snakemake looks for jobs to start. No rules are defined here.
onstart:
    # Because of its limit on jobs a second, every look is followed by another one a second later, as long as jobs wait: so
    # each job that ends adds one look a second, and after a hundred jobs they take a third of a core (docs/speed.md). Jobs
    # on this machine are limited by its cores, so they need no limit; another one than Snakemake's own, 100/1s, stays.
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if workflow.local_exec and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
