// SPDX-License-Identifier: Apache-2.0
// Runs the suites of a model as they are, then with each place broken in turn: every break must be
// caught.
#pragma once

#include "storage/base/memory.h"

#include <cstdlib>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

struct model_run {
    // Places in the files `elsewhere` are broken by another program.
    model_run(int argc, char **argv, const char *name, const char *elsewhere)
        : name_(name), elsewhere_(elsewhere)
    {
        const char *scale = getenv("CORONG_TEST_SCALE");
        scale_ = scale == nullptr ? 1 : strtoul(scale, nullptr, 10);
        only_ = argc > 1 ? argv[1] : "";
    }

    // Iterations are for the random scheduler; the others end by themselves.
    template <typename suite>
    void add(const char *title, rl::scheduler_type_e scheduler, unsigned iterations)
    {
        suites_.push_back(
            {title, [=, this] { return simulate<suite>(title, scheduler, iterations); }});
    }

    int finish()
    {
        bool sound = run_sound();
        unsigned caught = 0, count = 0;
        int site_count =
            model_fault.count; // breaks may lead to more; those are not of the sound program
        for (int site = 0; site < site_count; site++) {
            for (const auto &fault : faults_of(model_fault.sites[site])) {
                std::string name = name_of(model_fault.sites[site]) + ", " + fault.second;
                bool ours = elsewhere_.find(name.substr(0, name.find(':'))) == std::string::npos;
                if (!ours || name.find(only_) == std::string::npos) {
                    continue;
                }
                count++;
                model_fault.broken = site;
                model_fault.weaker = fault.first;
                std::string verdict = try_all();
                caught += !verdict.empty();
                printf("%s: %s\n", name.c_str(), verdict.empty() ? "NOT CAUGHT" : verdict.c_str());
                fflush(stdout);
            }
        }
        printf("%s: %s, %lu executions; mutants caught %u/%u\n", name_, sound ? "sound" : "FAILED",
               executions_, caught, count);
        return sound && caught == count ? 0 : 1;
    }

    struct entry {
        const char *title;
        std::function<rl::test_params()> run;
    };
    const char *name_;
    std::string elsewhere_;
    unsigned long scale_;
    std::string only_;
    std::vector<entry> suites_;
    unsigned long executions_ = 0;

    template <typename suite>
    rl::test_params simulate(const char *, rl::scheduler_type_e scheduler, unsigned iterations)
    {
        std::ostream silence(nullptr);
        rl::test_params params;
        params.search_type = scheduler;
        params.context_bound = 2;
        params.iteration_count = iterations * scale_;
        params.output_stream = &silence;
        params.progress_stream = &silence;
        params.execution_depth_limit = 3000;
        model_blocks = 0;
        rl::simulate<suite>(params);
        return params;
    }

    bool run_sound()
    {
        bool sound = true;
        for (auto &suite : suites_) {
            rl::test_params params = suite.run();
            executions_ += params.stop_iteration;
            bool good = params.test_result == rl::test_result_success;
            printf("%s, %s: %s, %lu executions\n", name_, suite.title,
                   good ? "sound" : rl::test_result_str(params.test_result),
                   (unsigned long)params.stop_iteration);
            fflush(stdout);
            sound &= good;
        }
        return sound;
    }

    std::string try_all()
    {
        for (auto &suite : suites_) {
            rl::test_params params = suite.run();
            if (params.test_result != rl::test_result_success) {
                return std::string("caught by \"") + suite.title +
                       "\": " + rl::test_result_str(params.test_result);
            }
        }
        return "";
    }

    static std::string name_of(const model_site &site)
    {
        std::string path(site.file);
        return path.substr(path.rfind('/') + 1) + ":" + std::to_string(site.line) + " " + site.what;
    }

    static std::vector<std::pair<rl::memory_order, std::string>> faults_of(const model_site &site)
    {
        if (!site.is_order) {
            return {{rl::mo_relaxed, "left out"}};
        }
        std::vector<std::pair<rl::memory_order, std::string>> faults;
        std::string from = std::string(rl::format(site.order)) + " to ";
        if (site.loads && site.stores && site.order >= rl::mo_acq_rel) {
            if (site.order == rl::mo_seq_cst) {
                faults.push_back({rl::mo_acq_rel, from + "acq_rel"});
            }
            faults.push_back({rl::mo_acquire, from + "acquire"});
            faults.push_back({rl::mo_release, from + "release"});
        }
        faults.push_back({rl::mo_relaxed, from + "relaxed"});
        return faults;
    }
};
